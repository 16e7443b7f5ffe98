/** `exp predict`: the model of a finished run answers new rows. */
import { chmodSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { readTable } from "../data/table.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/served.yaml";

type Body = { readonly messages: readonly { readonly content: string }[]; readonly seed?: number };
type Chat = { readonly bodies: Body[]; answer: (body: Body) => string | undefined };

/** Starts a server that answers by `chat.answer`, and runs an experiment with it. Undefined: the server refuses. */
async function served(
  rig: Rig,
  generate = "",
  more = "",
  task = "label_set",
): Promise<Chat & { readonly manifest: string }> {
  const chat: Chat = { bodies: [], answer: () => "liver cyst, follow-up" };
  const { port } = await startServer(rig, (request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const body = JSON.parse(text) as Body;
      chat.bodies.push(body);
      const answer = chat.answer(body);
      if (answer === undefined) response.writeHead(401).end("{}");
      else response.end(completion(answer));
    });
  });
  rig.write(
    file,
    `name: served
task: ${task}
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 3}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs${more}}
generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", concurrency: 1${generate}}
baselines: []
report: {xlsx: false}
`,
  );
  const { manifest } = await rig.build(file);
  chat.bodies.splice(0);
  return Object.assign(chat, { manifest });
}

const rows = 'site,id,text\nA,n1,The liver shows a cyst.\nB,n2,"A stone, left."\n';

const lines = (text: string): readonly Record<string, unknown>[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the model of a run answers new rows", () => {
  test("as CSV, JSON lines and a workbook; store and ledger stay as they are", async ({ rig }) => {
    const chat = await served(rig);
    rig.write("new.csv", rows);
    const before = rig.tree();
    const read = { answer: "liver cyst, follow-up", prediction: ["liver cyst", "follow-up"], parsed: true, notes: [] };
    const { code, stdout, stderr } = await rig.exp("predict", "served", "new.csv");
    expect(code, stderr).toBe(0);
    expect(lines(stdout)).toEqual([
      { id: "n1", ...read },
      { id: "n2", ...read },
    ]);
    expect(stderr).toContain("2 rows, 0 answers not parsed");
    expect(chat.bodies.map(({ messages }) => messages.map(({ content }) => content))).toEqual([
      ["Name the diagnoses.", "The liver shows a cyst."],
      ["Name the diagnoses.", "A stone, left."],
    ]);

    chat.answer = () => "";
    expect(await rig.output("predict", "served", "new.csv", "--out", "out.csv", "--keep")).toContain("2 answers");
    expect(rig.read("out.csv")).toBe(
      "id,site,text,answer,prediction,parsed,notes\r\n" +
        'n1,A,The liver shows a cyst.,,,false,empty\r\nn2,B,"A stone, left.",,,false,empty\r\n',
    );
    chat.answer = () => '"cyst, liver", stone';
    await rig.output("predict", "served", "new.csv", "--out", "out.xlsx");
    await rig.output("predict", "served", "new.csv", "--out", "out.csv", "--force");
    for (const name of ["out.xlsx", "out.csv"]) {
      const table = await readTable({ path: name, bytes: readFileSync(rig.path(name)) });
      expect(table.ok && table.value.columns, name).toEqual(["id", "answer", "prediction", "parsed", "notes"]);
      expect(table.ok && table.value.rows[1]?.slice(0, 3), name).toEqual([
        "n2",
        '"cyst, liver", stone',
        '"cyst, liver", stone',
      ]);
    }
    expect(rig.tree()).toEqual(before);
    expect(readdirSync(rig.path("artifacts"))).not.toContain("predictions");
  });

  test("one input is given on the command line, with line ends", async ({ rig }) => {
    const chat = await served(rig);
    const { code, stdout, stderr } = await rig.exp("predict", "served", "--text", "A stone, left.\nNo mass.");
    expect(code, stderr).toBe(0);
    expect(lines(stdout)).toMatchObject([{ id: "1", prediction: ["liver cyst", "follow-up"] }]);
    expect(chat.bodies.map(({ messages }) => messages.at(-1)?.content)).toEqual(["A stone, left.\nNo mass."]);
    await rig.output("predict", "served", "--text", "A cyst.", "--out", "out.csv");
    expect(rig.read("out.csv")).toMatch(/^id,answer.*\r\n1,/);
    rig.write("new.csv", rows);
    for (const wrong of [[], ["new.csv", "--text", "x"], ["--text", "x", "--keep"], ["--text", "x", "--id", "id"]])
      expectFailure(await rig.exp("predict", "served", ...wrong), 2, "bad-option", "name a FILE");
    expectFailure(await rig.exp("predict", "served", "--text", "  "), 2, "empty-input", "has no text");
  });

  test("with the labels, examples, constraint and vote of the run", async ({ rig }) => {
    rig.write(
      "prompts/ask.hbs",
      "{{#user}}{{#each labels}}<{{this}}>{{/each}}{{#each examples}}[{{input}}={{target}}]{{/each}}{{input}}{{/user}}\n",
    );
    const vote = ", constrain: labels, temperature: 0.7, seed: 3, vote: {samples: 3}";
    const shown = ", labels: {min_count: 1, order: frequency}, examples: {count: 2, select: nearest}";
    const chat = await served(rig, vote, shown);
    rig.write("new.jsonl", '{"text": "The spleen shows a 4 mm mass."}\n');
    chat.answer = ({ seed }) => JSON.stringify({ labels: seed === 4 ? ["kidney stone"] : ["spleen mass"] });
    const { stdout, stderr } = await rig.exp("predict", "served", "new.jsonl", "--id", "text");
    expect(stderr).toContain("1 row, 0 answers not parsed");
    expect(lines(stdout)).toMatchObject([{ id: "The spleen shows a 4 mm mass.", prediction: ["spleen mass"] }]);
    expect(chat.bodies.map(({ seed }) => seed)).toEqual([3, 4, 5]);
    const [body] = chat.bodies;
    expect(body?.messages[0]?.content).toMatch(/<spleen mass>.*\[Report \d+\..*=.*\[Report .*mass\.$/);
    expect(body).toHaveProperty("response_format.json_schema.schema.properties.labels.items.enum");
  });

  test("of any task", async ({ rig }) => {
    rig.write("new.csv", rows);
    rig.write("experiments/data/train.csv", rig.read("experiments/data/train.csv").replaceAll(", follow-up", ""));
    rig.write("experiments/data/test.csv", rig.read("experiments/data/test.csv").replaceAll(", follow-up", ""));
    for (const [task, prediction] of [
      ["single_label", ["Liver cyst"]],
      ["text", "Liver cyst"],
    ] as const) {
      const chat = await served(rig, "", "", task);
      chat.answer = () => "Liver cyst";
      await rig.output("predict", "served", "new.csv", "--out", "out.csv", "--force");
      expect(rig.read("out.csv"), task).toMatch(/^n1,Liver cyst,Liver cyst,true,/m);
      await rig.output("predict", "served", "new.csv", "--out", "out.jsonl", "--force");
      expect(lines(rig.read("out.jsonl")), task).toMatchObject([{ prediction }, { prediction }]);
    }
  });

  test("an interrupted prediction resumes with the answers that it has", async ({ rig }) => {
    const chat = await served(rig);
    rig.write("new.csv", rows);
    chat.answer = () => (chat.bodies.length > 1 ? undefined : "liver cyst");
    expectFailure(await rig.exp("predict", "served", "new.csv", "--out", "out.jsonl"), 1, "server-refused");
    expect(chat.bodies).toHaveLength(2);
    chat.answer = () => "kidney stone";
    await rig.output("predict", "served", "new.csv", "--out", "out.jsonl");
    expect(chat.bodies).toHaveLength(3);
    expect(lines(rig.read("out.jsonl")).map(({ prediction }) => prediction)).toEqual([
      ["liver cyst"],
      ["kidney stone"],
    ]);
  });
});

describe("a prediction is refused before the model is asked", () => {
  test("if the rows or the output are invalid", async ({ rig }) => {
    const chat = await served(rig);
    rig.write("new.csv", rows);
    const refused = async (text: string, code: string, ...facts: readonly string[]) => {
      rig.write("bad.csv", text);
      expectFailure(await rig.exp("predict", "served", "bad.csv"), 2, code, ...facts);
    };
    await refused("id,note\n1,x\n", "missing-column", "bad.csv:1", "--input");
    await refused("text\nx\n", "missing-column", "--id");
    await refused("id,text\n1,x\n1,y\n", "duplicate-id", "bad.csv:3");
    await refused("id,text\n1,\n2,y\n", "empty-input", "bad.csv:2");
    await refused("id,text\n1\n", "ragged-row", "bad.csv:2");
    await refused("", "empty-file");
    await refused("id,text\n", "no-rows");
    expectFailure(await rig.exp("predict", "served", "absent.csv"), 2, "missing-file", "absent.csv");
    expectFailure(await rig.exp("predict", "served", "prompts/ask.hbs"), 2, "file-type");
    const out = (path: string) => rig.exp("predict", "served", "new.csv", "--out", path);
    expectFailure(await out("out.txt"), 2, "bad-option", ".xlsx");
    expectFailure(await out("new.csv"), 2, "bad-option");
    expectFailure(await out("absent/out.csv"), 2, "bad-option");
    expectFailure(await out("bad.csv"), 2, "file-exists", "--force");
    expectFailure(await rig.exp("predict", "absent", "new.csv"), 2, "run-not-found");
    expect(chat.bodies).toEqual([]);
  });

  test("nothing is replaced without --force, if the output appears while the model answers; the answers are kept", async ({
    rig,
  }) => {
    const chat = await served(rig);
    rig.write("new.csv", rows);
    const { answer } = chat;
    chat.answer = (body) => {
      rig.write("out.xlsx", "own");
      return answer(body);
    };
    const predict = (...more: readonly string[]) =>
      rig.exp("predict", "served", "new.csv", "--out", "out.xlsx", ...more);
    expectFailure(await predict(), 2, "file-exists");
    expect(rig.read("out.xlsx")).toBe("own");
    const asked = chat.bodies.length;
    // A link in the place of the kept rows is not followed, and a pipe is not waited for.
    const [kept] = readdirSync(rig.path("artifacts/predictions")).filter((name) => !name.endsWith(".lock"));
    const folder = rig.path(`artifacts/predictions/${kept}/rows`);
    const [name] = readdirSync(folder) as [string];
    rig.write(`other/${name}`, "own");
    renameSync(folder, rig.path("rows"));
    symlinkSync(rig.path("other"), folder);
    expect((await predict("--force")).code).toBe(0);
    expect(rig.read(`other/${name}`)).toBe("own");
    expect(chat.bodies.length).toBe(asked);
    symlinkSync(rig.path("other"), rig.path("artifacts/predictions"));
    expectFailure(await predict("--force"), 3, "linked-folder");
    rig.remove("artifacts/predictions");
  });

  test("if the run has no model, or is not the run that its files declare", async ({ rig }) => {
    rig.write("new.csv", rows);
    await rig.build("experiments/study.yaml");
    expectFailure(await rig.exp("predict", "study", "new.csv"), 2, "no-model");
    const chat = await served(rig);
    const predict = (...options: readonly string[]) => rig.exp("predict", "served", "new.csv", ...options);
    rig.edit("prompts/ask.hbs", "Name the diagnoses.", "Name all.");
    expectFailure(await predict(), 2, "run-changed", "prompts/ask.hbs");
    rig.edit("prompts/ask.hbs", "Name all.", "Name the diagnoses.");
    rig.edit(file, "concurrency: 1", "concurrency: 1, max_new_tokens: 7");
    expectFailure(await predict(), 2, "run-changed", "generate.max_new_tokens");
    rig.edit(file, ", max_new_tokens: 7", "");
    // A section that no answer depends on.
    rig.edit(file, "report: {xlsx: false}", "report: {xlsx: true}");
    expect((await predict()).code).toBe(0);
    chat.bodies.splice(0);

    const run = dirname(chat.manifest);
    rig.write(`${run}.origin.json`, JSON.stringify({ schema: 1, from: "/shared", at: "", records: {} }));
    expectFailure(await predict(), 3, "untrusted", "/shared", "generate.base_url");
    expect(chat.bodies).toEqual([]);
    expect((await predict("--trust")).code).toBe(0);
    rig.remove(`${run}.origin.json`);

    const { object = "" } = rig.manifest(chat.manifest).steps.data ?? {};
    const stored = join("artifacts/store/objects", object, "labels.json");
    chmodSync(rig.path(stored), 0o644);
    rig.append(stored, " ");
    expectFailure(await predict(), 3, "run-damaged", "labels.json");
  });
});
