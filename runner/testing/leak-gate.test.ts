/** The search for leaks on the files of real runs: nothing in the shipped study, and every planted leak. */
import { createHash } from "node:crypto";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { prepareDatasetRelease } from "../publishing/release/dataset-release.ts";
import { scanForLeaks } from "../publishing/release/leak-scan.ts";
import { textFile } from "../publishing/release/model-release.ts";
import { findRun } from "../runs/finished-runs.ts";
import { type Rig, test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const upload = { repo: "me/model", private: true, content: "adapter", predictions: "me/answers" } as const;
const token = `hf_${"a1B2".repeat(8)}`;
/** A key of this process that has no known form. */
const plainKey = "korrekt-pferd-batterie";

const contextOf = (rig: Rig) => ({
  roots: [rig.folder],
  cache: rig.path("hf"),
  digest: (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex"),
  own: [rig.folder],
  redact: (text: string) => text.replaceAll(token, "[redacted]").replaceAll(plainKey, "[redacted]"),
});

/** The codes of the failed checks of a release that has these texts. */
async function scan(rig: Rig, manifest: string, ...texts: readonly string[]): Promise<readonly string[]> {
  const run = findRun(manifest, rig.path("artifacts"), rig.folder);
  const files = texts.map((text, at) => textFile(`${at}.md`, text));
  const release = { type: "model", repo: "me/model", private: true, title: "study", files } as const;
  return (await scanForLeaks(run, release, contextOf(rig))).map(({ code }) => code);
}

test("the shipped study has no finding, in some seconds", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const { manifest } = await rig.build("experiments/radiology-study-replay.yaml");
  const run = findRun(manifest, rig.path("artifacts"), rig.folder);
  const { release, failed } = await prepareDatasetRelease(run, upload, contextOf(rig));
  expect(failed).toEqual([]);
  const predictions = (release?.files ?? []).flatMap(({ path, content }) =>
    path.endsWith(".jsonl") && "text" in content ? content.text.trim().split("\n") : [],
  );
  expect(predictions.length).toBeGreaterThan(400);
  expect(predictions.filter((line) => line.includes('"text":null'))).toEqual([]);
  // The texts that a model release has besides the predictions.
  const folder = join(rig.path("artifacts/runs/radiology-study-replay/latest"));
  const names = ["labels.json", "answers.json"].map((name) => join(folder, "data", name));
  const texts = [...names, manifest, ...["prompts/radiology.hbs"].map((name) => rig.path(name))].flatMap((path) => {
    try {
      return [readFileSync(path, "utf8")];
    } catch {
      return [];
    }
  });
  expect(texts.length).toBeGreaterThan(2);
  const started = process.cpuUsage();
  expect(await scan(rig, manifest, ...texts)).toEqual([]);
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1e6).toBeLessThan(10);
});

test("rows beyond the limit, other columns and unpublished targets are searched for", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "train: {file: data/train.csv}", "train: {file: data/train.csv, limit: 10}");
  const header = "id,text,labels,comment\n";
  const lines = rig.read("experiments/data/train.csv").slice(header.length).trim().split("\n");
  const note = "seen by the night shift after a fall from a ladder at home in the evening";
  const target = "the widow of the baker from the old mill lane";
  const own = lines.map((line, at) =>
    line.replace(/row \d+$/, at === 3 ? "Jane Quincy Roe" : at === 4 ? note : "routine"),
  );
  // The draw of rows is seeded: all rows whose id is not in the run are candidates.
  rig.write("experiments/data/train.csv", `${header}${own.join("\n")}\n`);
  const { manifest } = await rig.build("experiments/study.yaml");
  const used = rig.read("artifacts/runs/study/latest/data/train.jsonl");
  const unused = lines.find((line) => !used.includes(`"${line.split(",")[0]}"`)) as string;
  const row = unused.split('"')[1] as string;
  expect(used).not.toContain(row);
  expect(await scan(rig, manifest, "nothing", row, Buffer.from(row).toString("base64"))).toEqual([
    "leak-row",
    "leak-row",
  ]);
  expect(await scan(rig, manifest, `patient: JANE QUINCY ROE.`, note.replaceAll(" ", ""), "routine")).toEqual([
    "leak-row",
    "leak-row",
  ]);
  expect(await scan(rig, manifest, "liver cyst, kidney stone, spleen mass, follow-up")).toEqual([]);
  // Without the data file, its rows cannot be searched for.
  rig.append("experiments/data/train.csv", `x,"A new row with enough words to count","${target}",\n`);
  expect(await scan(rig, manifest, "nothing")).toEqual(["file-altered"]);
  rmSync(rig.path("experiments/data/train.csv"));
  expect(await scan(rig, manifest, "nothing")).toEqual(["file-gone"]);
});

test("a target of an unused row that is no label is searched for", async ({ rig }) => {
  const target = "widow of the baker from the old mill lane with a cough";
  rig.append("experiments/data/train.csv", `train-999,"Report 999. Another organ is shown.","${target}",row 999\n`);
  rig.edit("experiments/study.yaml", "train: {file: data/train.csv}", "train: {file: data/train.csv, limit: 10}");
  const { manifest } = await rig.build("experiments/study.yaml");
  expect(rig.read("artifacts/runs/study/latest/data/train.jsonl")).not.toContain("baker");
  expect(await scan(rig, manifest, `Labels: liver cyst, ${target}.`)).toEqual(["leak-row"]);
});

test("a label that describes a person is refused", async ({ rig }) => {
  const data = rig.read("experiments/data/test.csv");
  rig.write(
    "experiments/data/test.csv",
    data.replace("liver stone, follow-up", "liver stone, Jane Roe born 12.03.1961"),
  );
  const { manifest } = await rig.build("experiments/study.yaml");
  expect(await scan(rig, manifest, "nothing")).toEqual(["leak-label"]);
});

test("own secrets and places are found in every encoding", async ({ rig }) => {
  const { manifest } = await rig.build("experiments/study.yaml");
  const encoded = (encoding: BufferEncoding): string => Buffer.from(`user:${token}`).toString(encoding);
  const texts = [
    token,
    encoded("base64"),
    encoded("hex"),
    encoded("base64url"),
    encodeURIComponent(`${token}%`),
    `${plainKey.slice(0, 9)}\u200b${plainKey.slice(9)}`,
  ];
  expect(await scan(rig, manifest, ...texts)).toEqual(texts.map(() => "leak-secret"));
  const places = [rig.path("x"), encodeURIComponent(rig.path("x")), "~/x", "\\\\server\\share", "file:///x"];
  expect(await scan(rig, manifest, ...places)).toEqual(places.map(() => "leak-path"));
});

/** Builds a run without targets as labels, on these rows. */
async function freeTexts(rig: Rig, data: string, rows: readonly object[]): Promise<string> {
  rig.write("experiments/data/new.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const answers = rows.map((_, at) => `${JSON.stringify({ id: String(at + 1), text: "yes" })}\n`);
  rig.write("experiments/data/new-answers.jsonl", answers.join(""));
  rig.write("prompts/new.hbs", "{{#user}}{{input}}{{/user}}\n");
  rig.write(
    "experiments/new.yaml",
    `name: new
task: text
data: {train: {file: data/new.jsonl}, test: {fraction: 0.3}, ${data}}
model: {base: smollm2-135m}
prompt: {template: prompts/new.hbs}
generate: {engine: replay, file: data/new-answers.jsonl}
baselines: []
`,
  );
  return (await rig.build("experiments/new.yaml")).manifest;
}

const question = (at: number): string =>
  `Is finding ${at} near the ${["liver", "lung", "heart"][at % 3]} still growing since the visit in week ${at} of spring?`;

test("each message of a conversation is searched for", async ({ rig }) => {
  const first = (at: number): string => `My name is Jane Quincy Roe number ${at}`;
  const rows = Array.from({ length: 20 }, (_, at) => ({
    messages: [
      { role: "user", content: first(at) },
      { role: "assistant", content: `Hello ${at}` },
      { role: "user", content: question(at) },
      { role: "assistant", content: `It grew by ${at} mm in the upper part of the left side and needs a biopsy` },
    ],
  }));
  const manifest = await freeTexts(rig, "format: chat", rows);
  expect(await scan(rig, manifest, first(3), question(5), "nothing")).toEqual(["leak-row", "leak-row"]);
});

test("a name in one of several input columns is searched for", async ({ rig }) => {
  const names = ["Jane Quincy", "John Public", "Anna Berg", "Luc Moreau"];
  const rows = Array.from({ length: 20 }, (_, at) => ({
    id: String(at + 1),
    patient: `${names[at % 4]} ${["Smith", "Jones", "Brown", "Green", "Young"][at % 5]}`,
    note: question(at),
    answer: "yes",
  }));
  const columns = "columns: {id: id, inputs: {patient: patient, note: note}, target: answer}";
  const manifest = await freeTexts(rig, columns, rows);
  expect(await scan(rig, manifest, `of ${rows[6]?.patient}.`, question(5), "nothing")).toEqual([
    "leak-row",
    "leak-row",
  ]);
});

test("files of a local model are searched, and those of a public one are not", async ({ rig }) => {
  const { manifest } = await rig.build("experiments/study.yaml");
  const row = rig.read("experiments/data/train.csv").split('"')[1] as string;
  const files = { "README.md": { sha256: textFile("README.md", row).sha256, size: row.length } };
  const config = { model_type: "llama" };
  for (const [revision, found] of [
    [null, ["leak-row"]],
    ["a".repeat(40), []],
  ] as const) {
    const model = { base: "models/own", revision, files, config, parameters: 1 };
    rig.write(join(manifest, "../model.json"), JSON.stringify(model));
    expect(await scan(rig, manifest, row)).toEqual(found);
  }
});
