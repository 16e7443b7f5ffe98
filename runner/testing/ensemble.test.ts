/** The ensemble of model and classifier, from the experiment's file to the workbook. */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import excel from "exceljs";
import { expect } from "vitest";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/ensemble.yaml";
const seen = ["cyst", "stone", "mass"];
const hidden = ["follow-up", "biopsy", "discharge"];

/** A label that occurs in the text, and one that only the replayed model predicts. */
const goldOf = (number: number): readonly string[] => [
  seen[number % 3] as string,
  hidden[((number * 7 + 3) % 5) % 3] as string,
];

function table(prefix: string, from: number, count: number, gold = goldOf): string {
  const rows = Array.from({ length: count }, (_, at) => {
    const number = from + at;
    return `${prefix}${at},"Report ${number}: a ${3 + ((number * 11) % 23)} mm ${seen[number % 3]} was seen",${gold(number).join(";")}`;
  });
  return `${["id,text,labels", ...rows].join("\n")}\n`;
}

function addStudy(rig: Rig): void {
  rig.write("experiments/data/train.csv", table("train-", 0, 60));
  rig.write("experiments/data/validation.csv", table("validation-", 100, 24));
  rig.write("experiments/data/test.csv", table("test-", 200, 30));
  const answers = (prefix: string, from: number, count: number): string =>
    Array.from({ length: count }, (_, at) => `{"id": "${prefix}${at}", "text": "${goldOf(from + at)[1]}"}\n`).join("");
  rig.write("experiments/data/answers.jsonl", answers("validation-", 100, 24) + answers("test-", 200, 30));
  rig.write(
    file,
    `name: ensemble
data:
  train: {file: data/train.csv}
  validation: {file: data/validation.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
  labels: {separator: ";"}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: replay, file: data/answers.jsonl}
baselines: [ensemble]
`,
  );
}

test("an ensemble beats the model and the classifier, is an arm of the study, and does not use test labels", async ({
  rig,
}) => {
  rig.usePython();
  addStudy(rig);
  const first = await rig.build(file);
  const folder = dirname(first.manifest);
  const { arms, pairs } = rig.readJson(join(folder, "comparison.json")) as Comparison;
  expect(Object.keys(arms)).toEqual(["zero_shot", "tfidf_svm", "ensemble"]);
  const micro = (arm: string): number => arms[arm]?.micro_f1?.value as number;
  expect(micro("ensemble")).toBeGreaterThan(Math.max(micro("zero_shot"), micro("tfidf_svm")) + 0.1);
  expect(pairs.some(({ a, b }) => [a, b].includes("ensemble") && [a, b].includes("tfidf_svm"))).toBe(true);
  const chosen = rig.read(join(folder, "ensemble/ensemble.json"));
  const { classifier, weight, validation } = JSON.parse(chosen);
  expect(classifier).toBe("tfidf_svm");
  expect(weight).toBeGreaterThan(0);
  expect(weight).toBeLessThan(1);
  expect(validation.n).toBe(24);
  expect(validation.micro_f1).toBeGreaterThan(Math.max(validation.model, validation.classifiers.tfidf_svm));

  const book = new excel.Workbook();
  await book.xlsx.readFile(join(folder, "workbook.xlsx"));
  const cases = (book.getWorksheet("Cases")?.getSheetValues() ?? []).slice(1) as string[][];
  expect(cases.filter((row) => row[2] === "ensemble")).toHaveLength(30);
  const show = JSON.parse(await rig.output("show", "ensemble", "--json"));
  expect(show.arms.ensemble.canonical.micro_f1).toBeCloseTo(micro("ensemble"), 12);

  // With other labels for the test rows, the weight of the ensemble has the same bytes and is not computed again.
  rig.write(
    "experiments/data/test.csv",
    table("test-", 200, 30, (number) => [hidden[number % 3] as string, seen[(number + 1) % 3] as string]),
  );
  const again = await rig.build(file);
  expect(again.steps).toMatchObject({ "generate.ensemble": "reused", "evaluate.ensemble": "built" });
  expect(rig.read(join(dirname(again.manifest), "ensemble/ensemble.json"))).toBe(chosen);
});

/** A baseline that knows the first label of every case, and of the validation rows as many labels as `known`. */
const knowing = (known: number): string => `
import json
from recipes.common.protocol import Step, main

def run(step: Step):
    rows = [json.loads(line) for line in step.inputs["test"].read_text().splitlines()]
    labels = [row["gold"][:${known} if row["id"].startswith("validation") else 1] for row in rows]
    for name, key, of in (("responses", "labels", list), ("margins", "margins", lambda one: dict.fromkeys(one, 0.9))):
        lines = [json.dumps({"id": row["id"], key: of(one)}) for row, one in zip(rows, labels)]
        (step.output / f"{name}.jsonl").write_text("\\n".join(lines) + "\\n")
    return {}

if __name__ == "__main__":
    main(run)
`;

test("an ensemble takes the listed classifier that is better on validation rows", async ({ rig }) => {
  rig.usePython();
  addStudy(rig);
  rig.ownPackage();
  const install = (name: string, known: number): void =>
    writeFileSync(join(rig.package, `recipes/baselines/${name}.py`), knowing(known));
  const classifier = async (): Promise<unknown> => {
    const { manifest, steps } = await rig.build(file);
    const chosen = rig.readJson(join(dirname(manifest), "ensemble/ensemble.json"));
    return { ...(chosen as object), steps: Object.keys(steps).filter((step) => step.includes("@validation")) };
  };
  rig.edit(file, "baselines: [ensemble]", "baselines: [linear, ensemble]");
  install("linear", 1);
  expect(await classifier()).toMatchObject({
    classifier: "linear",
    validation: { classifiers: { linear: expect.closeTo(2 / 3, 10) } },
    steps: ["generate.zero_shot@validation", "generate.linear@validation"],
  });
  rig.edit(file, "baselines: [linear", "baselines: [linear, tfidf_svm");
  install("tfidf_svm", 2);
  expect(await classifier()).toMatchObject({
    classifier: "tfidf_svm",
    validation: { micro_f1: 1, classifiers: { tfidf_svm: 1, linear: expect.closeTo(2 / 3, 10) } },
  });
  // Of equal ones, the stronger kind.
  install("linear", 2);
  expect(await classifier()).toMatchObject({ classifier: "linear" });
});

test("a replayed file is ambiguous if a test row and a validation row have one id", async ({ rig }) => {
  rig.usePython();
  addStudy(rig);
  rig.edit("experiments/data/validation.csv", "validation-3,", "test-3,");
  rig.edit("experiments/data/answers.jsonl", '"validation-3"', '"test-33"');
  expectFailure(await rig.exp("run", file), 1, "replay-ambiguous", "test-3");
});
