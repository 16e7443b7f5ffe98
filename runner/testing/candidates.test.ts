/** Labels of a classifier in the prompts: `prompt.candidates`, through the command line. */
import { expect } from "vitest";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure, type PlanJson } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/tuned.yaml";
const template =
  "{{#user}}{{#each examples}}{{this.input}} ({{#each this.candidates}}{{this}}; {{/each}})\n{{/each}}" +
  "{{input}}\n{{#if candidates}}Likely: {{#each candidates}}{{this}}; {{/each}}" +
  "Sure:{{#each predicted}} {{this}};{{else}} none;{{/each}}{{/if}}{{/user}}";
const shown = (top: number, from = "tfidf_svm"): readonly string[] => [
  ...["--set", "model.base=smollm2-135m", "--set", `prompt.candidates={from: ${from}, top: ${top}}`],
];

type Prompt = {
  readonly id: string;
  readonly messages: readonly { readonly content: string }[];
  readonly candidates?: readonly string[];
  readonly examples?: readonly string[];
};
type Candidates = {
  readonly id: string;
  readonly candidates: readonly { readonly label: string }[];
  readonly predicted: number;
};

/** The rows of a file of a step, from the store. */
async function stored<T>(rig: Rig, step: string, name: string, ...more: readonly string[]): Promise<readonly T[]> {
  const plan = JSON.parse(await rig.output("plan", file, "--json", ...more)) as PlanJson;
  const key = plan.steps.find(({ id }) => id === step)?.key;
  const { object } = rig.readJson(`artifacts/store/keys/${key}.json`) as { readonly object: string };
  const lines = rig.read(`artifacts/store/objects/${object}/${name}`).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

test("the prompts of all rows list the candidates; another number of them fits no classifier", async ({ rig }) => {
  rig.usePython();
  rig.write("prompts/ask.hbs", template);
  const first = await rig.build(file, "--until", "prompt.tuned", ...shown(2));
  expect(first.steps).toMatchObject({ candidates: "built", "prompt.tuned": "built" });
  for (const name of ["train", "validation", "eval"]) {
    const found = await stored<Candidates>(rig, "candidates", `${name}.jsonl`, ...shown(2));
    const prompts = await stored<Prompt>(rig, "prompt.tuned", `${name}.jsonl`, ...shown(2));
    expect(prompts.map(({ id, candidates }) => ({ id, candidates }))).toEqual(
      found.map(({ id, candidates }) => ({ id, candidates: candidates.slice(0, 2).map(({ label }) => label) })),
    );
    for (const [at, { messages, candidates = [] }] of prompts.entries()) {
      expect(candidates).toHaveLength(2);
      const predicted = candidates.slice(0, found[at]?.predicted);
      const sure = predicted.length === 0 ? "none" : predicted.join("; ");
      expect(messages.at(-1)?.content).toContain(`Likely: ${candidates.join("; ")}; Sure: ${sure};`);
    }
  }
  const more = await rig.build(file, "--until", "prompt.tuned", ...shown(3));
  expect(more.steps).toMatchObject({ candidates: "reused", "prompt.tuned": "built" });
  // The same with the other classifier, and in a smoke run.
  const smoke = await rig.build(file, "--smoke", "--until", "prompt.tuned", ...shown(3, "linear"));
  expect(smoke.steps).toMatchObject({ candidates: "built", "prompt.tuned": "built" });
});

test("a few-shot example has candidates too; a preview shows those of training rows", async ({ rig }) => {
  rig.usePython();
  rig.write("prompts/ask.hbs", template);
  const few = ["--set", "prompt.examples.count=1", ...shown(2)];
  const { arms } = await rig.json<{ readonly arms: { readonly arm: string; readonly rows: readonly Prompt[] }[] }>(
    ...(["preview", file, "--rows", "3", "--no-answer", ...few] as const),
  );
  const found = await stored<Candidates>(rig, "candidates", "train.jsonl", ...few);
  const labels = new Map(found.map(({ id, candidates }) => [id, candidates.slice(0, 2).map(({ label }) => label)]));
  const rows = arms.find(({ arm }) => arm === "tuned")?.rows ?? [];
  expect(rows).toHaveLength(3);
  for (const { id, messages, examples } of rows) {
    expect(messages[0]?.content).toContain(`Likely: ${labels.get(id)?.join("; ")};`);
    expect(messages[0]?.content).toContain(`(${labels.get(examples?.[0] ?? "")?.join("; ")}; )`);
  }
});

test("new rows get candidates from a classifier of the run's training rows", async ({ rig }) => {
  rig.usePython();
  rig.write("prompts/ask.hbs", template);
  const asked: string[] = [];
  const { port } = await startServer(rig, (request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      asked.push((JSON.parse(text) as Prompt).messages.at(-1)?.content ?? "");
      response.end(completion("liver cyst"));
    });
  });
  rig.write(
    "experiments/served.yaml",
    `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs, candidates: {from: tfidf_svm, top: 2}, examples: {count: 1}}
generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", concurrency: 1}
baselines: []
report: {xlsx: false}
`,
  );
  await rig.build("experiments/served.yaml");
  expect(rig.read("artifacts/runs/served/latest/candidates/eval.jsonl").trim().split("\n")).toHaveLength(9);
  const evaluated = asked.splice(0);
  expect(evaluated).toHaveLength(9);
  for (const prompt of evaluated) expect(prompt).toMatch(/\(.+; .+; \)\n.*\nLikely: .+; .+; Sure: .+;$/);
  rig.write("new.csv", rig.read("experiments/data/test.csv").replaceAll("test-", "new-"));
  await rig.output("predict", "served", "new.csv", "--out", "answers.csv");
  // The rows have the texts of the test rows, so that the prompts are equal.
  expect(asked).toEqual(evaluated);
});

test("settings and template must agree", async ({ rig }) => {
  const check = (...more: readonly string[]) => rig.exp("check", file, "--set", "model.base=smollm2-135m", ...more);
  expectFailure(await check("--set", "prompt.candidates={}"), 2, "unused-candidates", "ask.hbs");
  rig.write("prompts/ask.hbs", "{{#user}}{{#each candidates}}{{this}} {{/each}}{{input}}{{/user}}");
  expectFailure(await check(), 2, "unset-candidates", "ask.hbs");
  expect((await check("--set", "prompt.candidates={}")).code).toBe(0);
  rig.write("prompts/ask.hbs", template);
  expect((await check()).code).toBe(0);
  const other = ["--set", "task=text", "--set", "evaluate={}", "--set", "baselines=[]"];
  expectFailure(await check(...other, "--set", "prompt.candidates={}"), 2, "task-unsupported", "prompt.candidates");
});
