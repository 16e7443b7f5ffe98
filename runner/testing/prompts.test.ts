/** Prompts and training rows: few-shot examples, oversampling and targets, through the command line. */
import { expect } from "vitest";
import { type CommandResult, expectFailure, type PlanJson } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/tuned.yaml";
const bundled = ["--set", "model.base=smollm2-135m"];
const shots = "{{#user}}{{#each examples}}{{this.input}} => {{this.target}}\n{{/each}}{{input}} =>{{/user}}";

type PromptRow = {
  readonly id: string;
  readonly messages: readonly { readonly content: string }[];
  readonly examples?: readonly string[];
};
type DataRow = {
  readonly id: string;
  readonly input: string;
  readonly target: string;
  readonly gold: readonly string[];
};

/** Runs up to a step and returns the rows of one of its files. */
async function rows<T>(rig: Rig, step: string, name: string, ...more: readonly string[]): Promise<readonly T[]> {
  await rig.build(file, "--until", step, ...bundled, ...more);
  const plan = JSON.parse(await rig.output("plan", file, "--json", ...bundled, ...more)) as PlanJson;
  const key = plan.steps.find(({ id }) => id === step)?.key;
  const { object } = rig.readJson(`artifacts/store/keys/${key}.json`) as { readonly object: string };
  const lines = rig.read(`artifacts/store/objects/${object}/${name}`).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

test("prompt.system: user makes the system text part of the user's message", async ({ rig }) => {
  rig.write("prompts/ask.hbs", "{{#system}}Name it.{{/system}}{{#user}}{{input}}{{/user}}");
  const [apart] = await rows<PromptRow>(rig, "prompt.tuned", "eval.jsonl");
  const [joined] = await rows<PromptRow>(rig, "prompt.tuned", "eval.jsonl", "--set", "prompt.system=user");
  const texts = apart?.messages.map(({ content }) => content) ?? [];
  expect(texts).toHaveLength(2);
  expect(joined?.messages).toEqual([{ role: "user", content: texts.join("\n\n") }]);
});

test("few-shot: each prompt records the ids of its examples; a training row is never its own example", async ({
  rig,
}) => {
  rig.write("prompts/ask.hbs", shots);
  const few = (select: string) => ["--set", `prompt.examples={count: 2, select: ${select}}`];
  const train = await rows<DataRow>(rig, "data", "train.jsonl");
  const input = new Map(train.map((row) => [row.id, row]));
  for (const select of ["nearest", "random"]) {
    for (const name of ["train.jsonl", "eval.jsonl"]) {
      const prompts = await rows<PromptRow>(rig, "prompt.tuned", name, ...few(select));
      expect(prompts).toHaveLength(name === "train.jsonl" ? 48 : 9);
      for (const { id, messages, examples } of prompts) {
        expect(examples).toHaveLength(2);
        expect(examples).not.toContain(id);
        const shown = examples?.map((one) => `${input.get(one)?.input} => ${input.get(one)?.target}\n`).join("");
        expect(messages[0]?.content.startsWith(shown as string)).toBe(true);
      }
    }
  }
  const floor = await rows<PromptRow>(rig, "prompt.zero_shot", "eval.jsonl", ...few("nearest"));
  expect(floor.every((row) => row.examples === undefined)).toBe(true);
});

test("without a template of its own, the zero-shot model gets the labels and the form of the answer", async ({
  rig,
}) => {
  const own = await rows<PromptRow>(rig, "prompt.zero_shot", "eval.jsonl");
  expect(own.every(({ messages }) => messages.at(-1)?.content.split("\n").length === 1)).toBe(true);
  rig.edit(file, ", zero_shot: prompts/zero.hbs", "");
  const tuned = await rows<PromptRow>(rig, "prompt.tuned", "eval.jsonl");
  const asked = await rows<PromptRow>(rig, "prompt.zero_shot", "eval.jsonl");
  for (const [at, { messages }] of asked.entries()) {
    const [input, , list, form] = (messages.at(-1)?.content ?? "").split("\n");
    expect(input).toBe(tuned[at]?.messages.at(-1)?.content);
    expect(list).toMatch(/^The labels are: (?:[^;]+; )+[^;]+\.$/);
    expect(list).toContain("liver cyst");
    expect(form).toContain('separated by ","');
    expect(messages.slice(0, -1)).toEqual(tuned[at]?.messages.slice(0, -1));
  }
  // The labels come from the training rows.
  rig.append("experiments/data/train.csv", 'new-1,"The spleen is large.","splenomegaly",x\n');
  const [first] = await rows<PromptRow>(rig, "prompt.zero_shot", "eval.jsonl");
  expect(first?.messages.at(-1)?.content).toContain("splenomegaly");
});

test("few-shot: too few rows are an error; a template without examples is an error", async ({ rig }) => {
  const few = ["--set", "prompt.examples.count=3"];
  expectFailure(await rig.exp("check", file, ...bundled, ...few), 2, "unused-examples", "ask.hbs");
  rig.write("prompts/ask.hbs", shots);
  const short = await rig.exp(
    "run",
    file,
    "--until",
    "prompt.tuned",
    ...bundled,
    ...few,
    "--set",
    "data.train.limit=3",
  );
  expectFailure(short, 1, "too-few-examples", /^prompt\.tuned .*\btrain-\d+\b.*\bprompt\.examples\.count\b/m);
});

test("oversample repeats training rows with rare labels, and no other rows", async ({ rig }) => {
  rig.append("experiments/data/train.csv", 'rare-1,"The aorta is wide.","aneurysm, liver cyst",x\n');
  const over = ["--set", "data.oversample={rare_below: 6, max_repeat: 3}", "--set", "data.validation.fraction=0.25"];
  const train = await rows<DataRow>(rig, "data", "train.jsonl", ...over);
  const plain = await rows<DataRow>(rig, "data", "train.jsonl", ...over.slice(2));
  const counts = new Map<string, number>();
  for (const { gold } of plain) for (const label of gold) counts.set(label, (counts.get(label) ?? 0) + 1);
  const expected = plain.flatMap((row) => {
    const rarest = Math.min(...row.gold.map((label) => counts.get(label) as number));
    const times = rarest < 6 ? Math.min(3, Math.ceil(6 / rarest)) : 1;
    return Array.from({ length: times }, (_, copy) => ({ ...row, id: copy === 0 ? row.id : `${row.id}#${copy + 1}` }));
  });
  expect(expected.length).toBeGreaterThan(plain.length);
  expect(train).toEqual(expected);
  for (const name of ["validation.jsonl", "test.jsonl"]) {
    expect(await rows(rig, "data", name, ...over)).toEqual(await rows(rig, "data", name, ...over.slice(2)));
  }
});

test("data.oversample repeats training rows by a column, and no other row", async ({ rig }) => {
  const table = rig.read("experiments/data/train.csv").trim().split("\n");
  const siteOf = (row: number): string => (row % 12 === 0 ? "north" : row % 12 === 1 ? "" : "south");
  const sites = table.map((line, at) => `${line},${at === 0 ? "site" : siteOf(at - 1)}`);
  rig.write("experiments/data/train.csv", `${sites.join("\n")}\n`);
  const over = ["--set", "data.oversample={by: site, rare_below: 10, max_repeat: 3}"];
  const train = await rows<DataRow>(rig, "data", "train.jsonl", ...over);
  const plain = await rows<DataRow>(rig, "data", "train.jsonl");
  expect(plain).toHaveLength(48);
  const isRare = (row: DataRow): boolean => siteOf(plain.indexOf(row)) === "north";
  const copies = (row: DataRow): readonly DataRow[] => ["#2", "#3"].map((end) => ({ ...row, id: `${row.id}${end}` }));
  expect(train).toEqual(plain.flatMap((row) => (isRare(row) ? [row, ...copies(row)] : [row])));
  expect(await rows(rig, "data", "test.jsonl", ...over)).toEqual(await rows(rig, "data", "test.jsonl"));
  expect(await rig.output("data", file, ...bundled, ...over)).toMatch(/rows in an epoch, with copies +56\b/);
});

test("train.sample_weights gives each training row the number in its column, and no other row", async ({ rig }) => {
  const column = ["--set", "train.sample_weights=weight", "--set", "data.validation.fraction=0.25"];
  const weightOf = (number: number): string => ["0", "1", "2.5", " 1e-1 "][number % 4] as string;
  const table = rig.read("experiments/data/train.csv").trim().split("\n");
  const weighted = table.map((line, at) => `${line},${at === 0 ? "weight" : weightOf(at - 1)}`);
  rig.write("experiments/data/train.csv", `${weighted.join("\n")}\n`);
  type Weighted = { readonly id: string; readonly weight?: number };
  for (const [step, file] of [
    ["data", "train.jsonl"],
    ["prompt.tuned", "train.jsonl"],
  ] as const) {
    const train = await rows<Weighted>(rig, step, file, ...column);
    expect(train).toHaveLength(36);
    for (const { id, weight } of train) expect(weight, id).toBe(Number(weightOf(Number(id.slice("train-".length)))));
  }
  const validation = await rows<Weighted>(rig, "data", "validation.jsonl", ...column);
  expect(validation.filter((row) => "weight" in row)).toEqual([]);

  const refused = async (): Promise<CommandResult> => rig.exp("run", file, "--until", "data", ...bundled, ...column);
  for (const bad of ["-1", "", "many", "Infinity"]) {
    rig.write("experiments/data/train.csv", `${[...weighted.slice(0, -1), `${table.at(-1)},${bad}`].join("\n")}\n`);
    const place = new RegExp(`train\\.csv:49[^]*row 48 has the weight "${bad}"[^]*train\\.sample_weights`);
    expectFailure(await refused(), 1, "invalid-weight", place);
  }
  rig.write(
    "experiments/data/train.csv",
    `${table.map((line, at) => `${line},${at === 0 ? "weight" : 0}`).join("\n")}\n`,
  );
  expectFailure(await refused(), 1, "data", "all 36 training rows have weight 0");
});

test("train.suspects needs labels and a backend that weights rows", async ({ rig }) => {
  const set = ["--set", "train.suspects={weight: 0.5}"];
  const check = (...more: readonly string[]) => rig.exp("check", file, ...bundled, ...set, ...more);
  expect((await check()).code).toBe(0);
  expectFailure(await check("--set", "train.backend=axolotl"), 2, "backend-unsupported", "weights of training rows");
  const text = ["task=text", "evaluate={}", "baselines=[]"].flatMap((one) => ["--set", one]);
  expectFailure(await check(...text), 2, "task-unsupported", "train.suspects");
});

test("data.targets sets the view and order of the labels in training targets", async ({ rig }) => {
  rig.write("experiments/data/synonyms.yaml", "synonyms:\n  Hepatic cyst: [liver cyst]\n");
  const targetsOf = async (targets: string): Promise<Record<string, string>> => {
    const set = ["--set", `data.targets=${targets}`, "--set", "data.labels.synonyms=data/synonyms.yaml"];
    const all = await rows<DataRow>(rig, "data", "train.jsonl", ...set);
    return Object.fromEntries(all.map(({ id, target }) => [id, target]));
  };
  const seen = async (targets: string) => (({ "train-0": a, "train-5": b }) => [a, b])(await targetsOf(targets));
  rig.edit("experiments/data/train.csv", '"liver cyst, follow-up",row 0', '"Liver Cyst, follow-up",row 0');
  expect(await seen("{view: raw}")).toEqual(["Liver Cyst, follow-up", "kidney mass, follow-up"]);
  expect(await seen("{view: basic}")).toEqual(["liver cyst, follow-up", "kidney mass, follow-up"]);
  expect(await seen("{view: canonical}")).toEqual(["hepatic cyst, follow-up", "kidney mass, follow-up"]);
  expect(await seen("{view: canonical, order: alphabetical}")).toEqual([
    "follow-up, hepatic cyst",
    "follow-up, kidney mass",
  ]);
  expect(await seen("{view: basic, order: frequency}")).toEqual(["follow-up, liver cyst", "follow-up, kidney mass"]);
});

test("check finds every kind of template error, with its line and column", async ({ rig }) => {
  const errors = {
    "{{#user}}{{input}} {{secret}}{{/user}}": ["1:22", "secret"],
    "{{#user}}{{input}}{{#if hints}}x{{/if}}{{/user}}": ["1:25", "hints"],
    "{{#user}}{{#each rows}}{{this}}{{/each}}{{/user}}": ["1:18", "rows"],
    "{{#user}}{{input}}\n{{#if labels}}x{{/user}}": ["2:4", "add {{/if}} before it"],
    "{{#user}}{{input}}": ["1:19", "not closed"],
    "{{#user}}\n{{input}": ["2:9", "not closed"],
    "{{#system}}{{input}}{{/system}}": ["1:1", "{{#user}}"],
    "{{#user}}{{input}}{{/user}}\nAnswer:": ["2:1", "Answer:"],
    "{{#user}}{{> header}}{{/user}}": ["1:10", "{{> }}"],
  } as const;
  for (const [template, [place, part]] of Object.entries(errors)) {
    rig.write("prompts/ask.hbs", template);
    const ended = await rig.exp("check", file, ...bundled);
    expectFailure(ended, 2, "template", `prompts/ask.hbs:${place}: error`);
    expect(ended.stderr, template).toContain(part);
  }
  rig.write("prompts/ask.hbs", "{{#user}}{{#each labels}}{{this}}{{/each}} {{input}}{{/user}}");
  expectFailure(await rig.exp("check", file, ...bundled), 2, "unset-labels", "prompts/ask.hbs");
  expect((await rig.exp("check", file, ...bundled, "--set", "prompt.labels={}")).code).toBe(0);
  rig.write(
    "prompts/ask.hbs",
    "{{#user}}{{#if labels}}{{labels.length}}{{/if}} {{#each examples}}{{this.input}}{{/each}}{{input}}{{/user}}",
  );
  expect((await rig.exp("check", file, ...bundled)).code).toBe(0);
});
