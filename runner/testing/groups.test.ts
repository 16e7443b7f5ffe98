/** One data file with several cases for each patient: splits, statistics and the search for leaks keep groups together. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Audit } from "../data/audit.ts";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import type { ArmMetrics } from "../pipeline/result-files.ts";
import { scanForLeaks } from "../publishing/release/leak-scan.ts";
import { textFile } from "../publishing/release/model-release.ts";
import { findRun } from "../runs/finished-runs.ts";
import { createRandom } from "../util/random.ts";
import { type Rig, test } from "./rig.ts";

const patients = 40;
const name = (patient: number): string => `Doe Number ${patient}`;

type Case = { readonly id: string; readonly patient: number; readonly text: string; readonly label: string };

/** Three reports of each patient, of words that no other report has. */
const cases: readonly Case[] = Array.from({ length: 3 * patients }, (_, at) => {
  const random = createRandom(at);
  const words = Array.from({ length: 12 }, () => `word${random.below(9000)}`);
  return { id: `c${at}`, patient: at % patients, text: words.join(" "), label: `finding ${at % 4}` };
});

const csv = (rows: readonly Case[]): string =>
  ["id,who,text,labels", ...rows.map(({ id, patient, text, label }) => `${id},${name(patient)},${text},${label}`)]
    .map((line) => `${line}\n`)
    .join("");

const experiment = `name: one
data:
  train: {file: data/all.csv}
  test: {fraction: 0.25, seed: 1}
  validation: {fraction: 0.2}
  columns: {id: id, input: text, target: labels, group: who}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: replay, file: data/all.jsonl}
baselines: [most_frequent]
report: {pdf: false, xlsx: true}
`;

/** All answers to the reports of every third patient are wrong. */
function writeStudy(rig: Rig, rows: readonly Case[] = cases): string {
  rig.write("experiments/data/all.csv", csv(rows));
  const answers = rows.map(({ id, patient, label }) => ({ id, text: patient % 3 === 0 ? "finding 9" : label }));
  rig.write("experiments/data/all.jsonl", answers.map((line) => `${JSON.stringify(line)}\n`).join(""));
  rig.write("experiments/one.yaml", experiment);
  return "experiments/one.yaml";
}

const rowsOf = (rig: Rig, part: string) =>
  rig
    .read(`artifacts/runs/one/latest/data/${part}.jsonl`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly id: string; readonly group: string });
const patientOf = new Map(cases.map(({ id, patient }) => [id, patient]));

test("test rows from one file: check, plan, run, compare, report, verify", async ({ rig }) => {
  const file = writeStudy(rig);
  expect(await rig.output("check", file)).toContain("ok");
  const [audit] = await rig.json<readonly Audit[]>("data", file);
  expect(audit?.splits.test).toMatchObject({ rows: 30, groups: 10 });
  expect(await rig.output("data", file)).toMatch(/^groups +24 +6 +10$/m);
  expect(await rig.output("plan", file)).toContain("data");
  await rig.build(file);

  const parts = ["train", "validation", "test"].map((part) => rowsOf(rig, part));
  const groups = parts.map((rows) => new Set(rows.map(({ id }) => patientOf.get(id))));
  expect(parts.map(({ length }) => length)).toEqual([72, 18, 30]);
  expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(patients);
  // Outputs have numbers in place of names.
  expect(new Set(parts.flat().map(({ group }) => group)).size).toBe(patients);
  expect(parts.map((rows) => JSON.stringify(rows)).join()).not.toContain("Doe");

  const compared = await rig.json<Comparison>("compare", "one");
  expect(compared).toMatchObject({ n: 30, case_groups: 10 });
  expect(compared.family.tests.map(({ test }) => test)).toEqual(["approximate randomisation"]);
  expect(compared.arms.zero_shot?.exact_match?.method).toBe("korn_graubard");
  const metrics = rig.readJson("artifacts/runs/one/latest/zero_shot/metrics.json") as ArmMetrics;
  expect(metrics.case_groups).toBe(10);
  expect(await rig.output("compare", "one")).toContain("30 cases in 10 groups, resampled by group");
  expect(await rig.output("verify", "one")).toContain("no difference");

  // exp score reads the groups that a run writes: the same interval.
  const predictions = "artifacts/runs/one/latest/zero_shot/predictions.jsonl";
  type Scored = { readonly case_groups: number; readonly intervals: { readonly raw: Record<string, object> } };
  const score = ["score", predictions, "--pred", "labels", "--bootstrap", "200"];
  const scored = await rig.json<Scored>(...score);
  expect(scored.case_groups).toBe(10);
  expect(scored.intervals.raw.exact_match).toMatchObject({ method: "korn_graubard" });
  const { low, high } = metrics.intervals.raw.exact_match ?? {};
  expect(scored.intervals.raw.exact_match).toMatchObject({ low, high });
});

test("the order of the rows has no effect on the splits", async ({ rig }) => {
  const file = writeStudy(rig);
  const idsOf = async (): Promise<readonly string[]> => {
    await rig.build(file);
    return rowsOf(rig, "test").map(({ id }) => id);
  };
  const before = await idsOf();
  writeStudy(rig, createRandom(1).shuffled(cases));
  expect((await idsOf()).toSorted()).toEqual(before.toSorted());
});

test("a patient in two files is an error of the audit, with rows and without names", async ({ rig }) => {
  writeStudy(rig);
  rig.write("experiments/data/first.csv", csv(cases.slice(0, 60)));
  rig.write("experiments/data/second.csv", csv(cases.slice(60)));
  rig.edit("experiments/one.yaml", "data/all.csv", "data/first.csv");
  rig.edit("experiments/one.yaml", "{fraction: 0.25, seed: 1}", "{file: data/second.csv}");
  const result = await rig.exp("run", "experiments/one.yaml");
  expect([result.code, result.stderr]).toEqual([
    1,
    expect.stringMatching(/group-leak: \d+ rows whose group occurs in/),
  ]);
  expect(result.stdout + result.stderr).not.toContain("Doe");
  rig.edit("experiments/one.yaml", "group: who}", "group: who}\n  accept: [group-leak]");
  await rig.build("experiments/one.yaml");
});

test("the upload gate searches for the rows of all splits and the names of groups", async ({ rig }) => {
  const { manifest } = await rig.build(writeStudy(rig));
  const run = findRun(manifest, rig.path("artifacts"), rig.folder);
  const codes = async (text: string): Promise<readonly string[]> => {
    const files = [textFile("README.md", text)];
    const found = await scanForLeaks(
      run,
      { type: "model", repo: "me/model", private: true, title: "one", files },
      {
        roots: [rig.folder],
        cache: rig.path("hf"),
        digest: (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex"),
        own: [rig.folder],
        redact: (secret: string) => secret,
      },
    );
    return found.map(({ code }) => code);
  };
  const tested = rowsOf(rig, "test")[0]?.id;
  expect(await codes(cases.find(({ id }) => id === tested)?.text as string)).toEqual(["leak-row"]);
  expect(await codes(`The report of ${name(7)}.`)).toEqual(["leak-row"]);
  expect(await codes("Nothing of the study.")).toEqual([]);
});
