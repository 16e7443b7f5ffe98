/** `exp data`: a dirty copy of the shipped study, in which every planted defect is found; and proposals of synonyms. */
import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import { expect } from "vitest";
import type { Audit } from "../data/audit.ts";
import { expectFailure, type PlanJson } from "./command.ts";
import { type Rig, test } from "./rig.ts";

type Case = { id: string; input: string; answer: string };
type Parts = { readonly train: Case[]; readonly test: Case[] };

const shipped = (name: string): string => readFileSync(new URL(`../../experiments/${name}`, import.meta.url), "utf8");
const read = (name: string): Case[] =>
  (parse(shipped(`data/${name}.csv`)) as string[][])
    .slice(1)
    .map(([id, input, answer]) => ({ id, input, answer }) as Case);
const csv = (rows: readonly Case[]): string =>
  [
    "id,input,answer",
    ...rows.map((row) => [row.id, row.input, row.answer].map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",")),
  ].join("\n");

/**
 * One defect: the code that must report it, how it is planted, and where it is (or a pattern of its message or
 * examples).
 */
type Plant = { readonly code: string; readonly at?: string; readonly pattern?: RegExp; plant(parts: Parts): void };

const train =
  (row: number, change: Partial<Case> | ((one: Case) => Partial<Case>)) =>
  (parts: Parts): void => {
    const one = parts.train[row] as Case;
    Object.assign(one, typeof change === "function" ? change(one) : change);
  };
const set = (one: Case | undefined, change: Partial<Case>): void => void Object.assign(one as Case, change);
const id = (row: number): string => `train/tr-${String(row + 1).padStart(4, "0")}`;
const last = (text: string, more: string): string => `${text} ${more}`;

/** Rows from 200 on, each touched once. */
const plants: readonly Plant[] = [
  {
    code: "leak",
    at: "test/te-0001",
    plant: ({ train, test }) => set(test[0], { input: ` ${train[200]?.input.toUpperCase()}\n` }),
  },
  {
    code: "near-leak",
    at: "test/te-0002",
    plant: ({ train, test }) => set(test[1], { input: last(train[201]?.input ?? "", "Unchanged otherwise.") }),
  },
  { code: "near-contradiction", at: "test/te-0002", plant: ({ test }) => set(test[1], { answer: "Cystitis" }) },
  {
    code: "duplicate-input",
    at: id(203),
    plant: ({ train }) => set(train[203], { input: (train[202] as Case).input }),
  },
  { code: "contradiction", at: id(203), plant: ({ train }) => set(train[203], { answer: "Cystitis" }) },
  {
    code: "near-duplicate",
    at: id(205),
    plant: ({ train }) =>
      void Object.assign(train[205] as Case, {
        input: `Comparison: none. ${train[204]?.input}`,
        answer: train[204]?.answer,
      }),
  },
  { code: "empty-input", at: id(206), plant: train(206, { input: " \t" }) },
  { code: "missing-value", at: id(207), plant: train(207, { input: "#N/A" }) },
  { code: "odd-length", at: id(208), plant: train(208, { input: "Liver normal." }) },
  { code: "odd-length", at: id(209), plant: train(209, ({ input }) => ({ input: `${input} `.repeat(6) })) },
  { code: "cut-input", at: id(210), plant: train(210, { input: "Kidneys normal. ".repeat(3000).slice(0, 32_767) }) },
  {
    code: "garbled-text",
    at: id(211),
    plant: train(211, ({ input }) => ({ input: last(input, "ArtÃ©riosclÃ©rose.") })),
  },
  {
    code: "invisible-character",
    at: id(212),
    plant: train(212, ({ input }) => ({ input: last(input, "no\u200bdule") })),
  },
  { code: "markup", at: id(213), plant: train(213, ({ input }) => ({ input: last(input, "Size &lt; 5 mm.<br/>") })) },
  {
    code: "answer-in-input",
    at: id(214),
    plant: train(214, {
      input: "Dictated. Impression: Ascites, Colitis. Seen by two readers.",
      answer: "Ascites, Colitis",
    }),
  },
  {
    code: "personal-data",
    pattern: /e-mail 1\b/,
    plant: train(215, ({ input }) => ({ input: last(input, "Sent to a.reader@example.org.") })),
  },
  {
    code: "personal-data",
    pattern: /record number 1\b/,
    plant: train(216, ({ input }) => ({ input: last(input, "MRN: 00482913.") })),
  },
  {
    code: "personal-data",
    pattern: /\bname 1\b/,
    plant: train(217, ({ input }) => ({ input: last(input, "Discussed with Dr. Example.") })),
  },
  {
    code: "personal-data",
    pattern: /\bdate 1\b/,
    plant: train(218, ({ input }) => ({ input: last(input, "Compared with 03/11/2019.") })),
  },
  {
    code: "personal-data",
    pattern: /phone 1\b/,
    plant: train(219, ({ input }) => ({ input: last(input, "Call 555-014-0199.") })),
  },
  { code: "same-id", at: "test/tr-0221", plant: ({ test }) => set(test[2], { id: "tr-0221" }) },
  { code: "empty-target", at: id(221), plant: train(221, { answer: " , " }) },
  {
    code: "label-variants",
    pattern: /^\d\d labels /,
    plant: ({ train }) =>
      train.slice(240, 246).forEach((one, at) => void set(one, { answer: `Sign ${at}, SIGN ${at}.` })),
  },
  {
    code: "similar-labels",
    pattern: /"peritoneal carcinomatosis" \/ "peritoneal carcinomatosos" \(spelling\)/,
    plant: train(223, { answer: "Peritoneal carcinomatosos" }),
  },
  {
    code: "similar-labels",
    pattern: /"horseshoe kidney" \/ "horseshoe kidneys" \(plural\)/,
    plant: train(224, { answer: "Horseshoe kidneys" }),
  },
  { code: "similar-labels", pattern: /"pvt" \(abbreviation\)/, plant: train(225, { answer: "PVT" }) },
  {
    code: "similar-labels",
    pattern: /"vein thrombosis portal" \(word order\)/,
    plant: train(226, { answer: "Vein thrombosis portal" }),
  },
  {
    code: "long-label",
    at: id(227),
    plant: train(227, { answer: "a lesion of the left kidney that is most likely to be a cyst" }),
  },
  { code: "leaked-reasoning", at: id(228), plant: train(228, { answer: "Renal cyst because the report shows one" }) },
  { code: "odd-separator", at: id(229), plant: train(229, { answer: "Renal cyst; Fatty liver" }) },
  { code: "stray-separator", at: id(230), plant: train(230, { answer: "Renal cyst,, Fatty liver" }) },
  { code: "repeated-label", at: id(231), plant: train(231, { answer: "Renal cyst, renal cyst" }) },
  { code: "none-and-labels", at: id(232), plant: train(232, { answer: "Normal, Renal cyst" }) },
  { code: "list-syntax", at: id(233), plant: train(233, { answer: "['Renal cyst', 'Fatty liver']" }) },
  { code: "open-bracket", at: id(234), plant: train(234, { answer: "Compression fracture (T12, Ascites" }) },
  { code: "odd-label", at: id(235), plant: train(235, { answer: "17, Ascites" }) },
  { code: "look-alike-letter", at: id(236), plant: train(236, { answer: "Renal сyst" }) },
  {
    code: "unseen-label",
    pattern: /"situs inversus"/,
    plant: ({ test }) => set(test[3], { answer: "Situs inversus" }),
  },
  {
    code: "label-shift",
    pattern: /"pneumoperitoneum": 0\.\d % of training, [1-9]\d\.\d % of test/,
    plant: ({ test }) =>
      void test.slice(100, 150).map((one) => Object.assign(one, { answer: `${one.answer}, Pneumoperitoneum` })),
  },
];

async function audited(
  rig: Rig,
  parts: Parts,
  encoding: BufferEncoding = "utf8",
): Promise<{ code: number | null; audit: Audit }> {
  rig.write("experiments/labels/synonyms.yaml", shipped("labels/synonyms.yaml"));
  rig.write("experiments/data/train.csv", csv(parts.train));
  rig.write("experiments/data/test.csv", Buffer.from(csv(parts.test), encoding));
  rig.write(
    "experiments/study.yaml",
    `name: dirty
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: input, target: answer}
  labels: {synonyms: labels/synonyms.yaml}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
`,
  );
  const { code, stdout, stderr } = await rig.exp("data", "experiments/study.yaml", "--json");
  expect(stderr).toBe("");
  return { code, audit: (JSON.parse(stdout) as Audit[])[0] as Audit };
}

test("every defect that is planted in a copy of the shipped study is found, and errors are refused", async ({
  rig,
}) => {
  const clean = { train: read("train"), test: read("test") };
  const before = await audited(rig, clean);
  expect(before.code).toBe(0);
  expect(before.audit.findings.every(({ severity }) => severity === "warning")).toBe(true);

  const dirty = { train: read("train"), test: read("test") };
  for (const { plant } of plants) plant(dirty);
  const after = await audited(rig, dirty);
  expect(after.code).toBe(3);
  const missed = plants.filter(({ code, at, pattern }) => {
    const now = after.audit.findings.find((one) => one.code === code);
    const then = before.audit.findings.find((one) => one.code === code);
    if (now === undefined || now.count <= (then?.count ?? 0)) return true;
    const text = `${now.message}\n${now.examples.join("\n")}`;
    // Ten examples are given; where the shipped study has its own, the count must have grown.
    const named = at === undefined ? pattern?.test(text) === true : now.examples.some((one) => one.includes(at));
    return !named && now.count <= 10;
  });
  expect(missed.map(({ code, at, pattern }) => `${code} ${at ?? pattern}`)).toEqual([]);
  expect(new Set(plants.map(({ code }) => code)).size).toBeGreaterThan(30);
  expect(after.audit.dirty.train).toEqual(expect.arrayContaining(["tr-0228", "tr-0229"]));
});

test("a file that is not UTF-8 is a finding, and an accepted finding is no error", async ({ rig }) => {
  const parts = { train: read("train").slice(0, 40), test: read("test").slice(0, 20) };
  (parts.test[0] as Case).input = `${parts.train[0]?.input}`;
  (parts.test[1] as Case).input += " Ménière.";
  const first = await audited(rig, parts, "latin1");
  expect([first.code, first.audit.findings.map(({ code }) => code)]).toEqual([
    3,
    expect.arrayContaining(["leak", "file-encoding"]),
  ]);
  const accepted = await rig.exp("data", "experiments/study.yaml", "--set", "data.accept=[leak]");
  expect(accepted).toMatchObject({ code: 0, stderr: "" });
  expect(accepted.stdout).toMatch(/accepted\[leak\] 2 /);
});

test("--suggest-synonyms proposes from training labels, never over an old file", async ({ rig }) => {
  const parts = { train: read("train").slice(0, 300), test: read("test").slice(0, 40) };
  (parts.train[0] as Case).answer = "Horseshoe kidneys, Horseshoe kidney";
  (parts.train[1] as Case).answer = "Horseshoe kidney";
  (parts.test[0] as Case).answer = "Horseshoe kidneyz";
  await audited(rig, parts);
  const run = () => rig.exp("data", "experiments/study.yaml", "--suggest-synonyms", "new.yaml");
  expect((await run()).code).toBe(0);
  const text = rig.read("new.yaml");
  expect(text).toMatch(/^ {2}Horseshoe kidney: {2}# \d+\n {4}- Horseshoe kidneys {2}# 1, plural$/m);
  expect(text).not.toContain("kidneyz");
  expect(text).not.toMatch(/renal cysts/i);
  const again = await run();
  expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/new\.yaml .*\[file-exists\]/)]);
  expect((await rig.exp("data", "experiments/study.yaml", "--set", "data.labels.synonyms=../new.yaml")).code).toBe(0);
});

test("--suspects lists planted label errors and a pair of near-synonyms", async ({ rig }) => {
  rig.usePython();
  const names = ["flat tyre", "worn brake", "loose chain"];
  const texts = ["The tyre has no air", "The brake pads are thin", "The chain jumps off"];
  const filler = [
    "Paint scratched",
    "Lamp works",
    "Bell missing",
    "Saddle new",
    "Rack bent",
    "Frame clean",
    "Grips old",
  ];
  const rows = Array.from({ length: 240 }, (_, at) => {
    const [one, other] = [at % 3, (at + 1) % 3];
    const words = [texts[one], ...(at % 4 === 0 ? [texts[other]] : []), filler[at % 7], filler[(at * 5 + 2) % 7]];
    return {
      id: `r${at}`,
      text: `${words.join(". ")}. Bike ${at}.`,
      labels: [names[one], ...(at % 4 === 0 ? [names[other]] : [])],
    };
  });
  const change = (at: number, labels: readonly (string | undefined)[]): void =>
    void Object.assign(rows[at] as object, { labels });
  change(8, [names[2]]); // lacks flat tyre
  const wrong = [75, 81];
  for (const at of wrong) change(at, [names[at % 3], names[2]]); // the chain is not mentioned
  for (let at = 6; at < 240; at += 18)
    change(at, rows[at]?.labels.map((label) => (label === names[0] ? "puncture" : label)) ?? []);
  const line = ({ id, text, labels }: (typeof rows)[number]): string => `${id},"${text}","${labels.join("; ")}"`;
  rig.write("experiments/data/bikes.csv", `id,text,labels\n${rows.map(line).join("\n")}\n`);
  rig.write(
    "experiments/bikes.yaml",
    `name: bikes
data:
  train: {file: data/bikes.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
  labels: {separator: ";"}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
`,
  );
  type Found = { readonly errors: readonly { id: string; label: string; kind: string }[]; readonly pairs: unknown };
  const found = await rig.json<Found>("data", "experiments/bikes.yaml", "--suspects", "tfidf_svm");
  const foundRows = (label: string, kind: string): readonly string[] =>
    found.errors.filter((one) => one.label === label && one.kind === kind).map(({ id }) => id);
  expect(foundRows("flat tyre", "missing")).toContain("r8");
  const chains = foundRows("loose chain", "wrong");
  expect(chains).toContain("r81");
  for (const id of chains) expect(wrong.map((at) => `r${at}`)).toContain(id);
  expect(found.pairs).toMatchObject([{ label: "flat tyre", other: "puncture" }]);
  const text = await rig.output("data", "experiments/bikes.yaml", "--suspects", "tfidf_svm");
  expect(text).toContain("perhaps one label: flat tyre / puncture");
  expect(text).toMatch(/^r81 +wrong +loose chain/m);
  // Proposals have the pair; the accepted ones merge the labels.
  const bikes = (...more: readonly string[]) => rig.exp("data", "experiments/bikes.yaml", ...more);
  const propose = await bikes("--suspects", "tfidf_svm", "--suggest-synonyms", "accepted.yaml", "--json");
  expect(propose.code).toBe(0);
  expect(rig.read("accepted.yaml")).toMatch(/flat tyre: {2}# \d+\n {4}- puncture {2}# \d+, near-synonym/);
  expectFailure(await bikes("--accept-synonyms", "accepted.yaml"), 2, "missing-key", "data.labels.synonyms");
  rig.write("experiments/synonyms.yaml", "# Agreed.\nsynonyms: {}\n");
  const withFile = ["--set", "data.labels.synonyms=synonyms.yaml"];
  const accepted = await bikes("--accept-synonyms", "accepted.yaml", ...withFile);
  expect(accepted).toMatchObject({ code: 0, stderr: expect.stringContaining("1 synonym added") });
  expect(rig.read("experiments/synonyms.yaml")).toMatch(/^# Agreed\.\n[\s\S]*flat tyre:[\s\S]*puncture/);
  const after = await rig.json<Found>("data", "experiments/bikes.yaml", "--suspects", "tfidf_svm", ...withFile);
  expect(after.pairs).toEqual([]);
  // The training weights the rows of the list.
  const set = ["--set", "train={suspects: {weight: 0.5, from: tfidf_svm}}", "--until", "prompt.tuned"];
  const run = await rig.build("experiments/bikes.yaml", ...set);
  expect(run.steps).toMatchObject({ suspect_scores: "reused", suspects: "built" });
  const plan = await rig.json<PlanJson>("plan", "experiments/bikes.yaml", ...set.slice(0, 2));
  const key = plan.steps.find(({ id }) => id === "prompt.tuned")?.key;
  const { object } = rig.readJson(`artifacts/store/keys/${key}.json`) as { readonly object: string };
  const prompts = rig.read(`artifacts/store/objects/${object}/train.jsonl`).trim().split("\n");
  const weights = prompts.map((line) => JSON.parse(line) as { readonly id: string; readonly weight: number });
  const wrongOnes = found.errors.filter(({ kind }) => kind === "wrong").map(({ id }) => id);
  expect(weights.filter(({ weight }) => weight === 0.5).map(({ id }) => id)).toEqual(
    weights.map(({ id }) => id).filter((id) => wrongOnes.includes(id)),
  );
  expect(weights.filter(({ weight }) => weight !== 0.5).every(({ weight }) => weight === 1)).toBe(true);
  const refused = (...more: readonly string[]) => rig.exp("data", "experiments/bikes.yaml", ...more);
  expectFailure(await refused("--suspects", "svm"), 2, "bad-option", "tfidf_svm or linear");
  expectFailure(await refused("--suspects", "--set", "task=text"), 2, "task-unsupported", "labels");
});
