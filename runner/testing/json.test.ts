/** Studies with JSON objects: the shipped one with simulated answers up to its export. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import excel from "exceljs";
import { expect } from "vitest";
import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import type { ArmMetrics } from "../pipeline/result-files.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { runDocPage } from "./doc-page.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));

test("the data and the simulated answers of the order study are those of their script", async ({ rig }) => {
  const folder = rig.path("orders");
  mkdirSync(folder);
  cpSync(join(clone, "experiments/orders/generate.py"), join(folder, "generate.py"));
  execFileSync("python3", [join(folder, "generate.py")], { stdio: "pipe" });
  const written = readdirSync(folder).filter((name) => !name.endsWith(".py"));
  expect(written.sort()).toEqual(["simulated-tuned.jsonl", "simulated-zero-shot.jsonl", "test.jsonl", "train.jsonl"]);
  for (const name of written)
    expect(readFileSync(join(folder, name), "utf8"), name).toBe(
      readFileSync(join(clone, "experiments/orders", name), "utf8"),
    );
});

test("a study of JSON objects: run, tables, error analysis, report and export", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const path = "experiments/repair-orders-replay.yaml";
  const { manifest } = await rig.build(path);
  const { arms, intervals, run } = rig.manifest(manifest);
  const value = (arm: string, metric: string, view: "raw" | "basic" = "basic") => arms[arm]?.[view][metric] as number;
  expect(value("tuned", "field_f1")).toBeGreaterThan(value("nearest", "field_f1"));
  expect(value("tuned", "exact_match")).toBeCloseTo(27 / 40, 12);
  expect(value("tuned", "exact_match", "raw")).toBeCloseTo(23 / 40, 12);
  expect(value("zero_shot", "validity")).toBeCloseTo(12 / 40, 12);
  expect(value("frequent_values", "validity")).toBe(1);
  for (const metric of ["field_f1", "macro_field_f1", "field_recall"])
    expect(intervals.tuned?.basic[metric]?.low, metric).toBeLessThan(value("tuned", metric));

  const folder = `artifacts/runs/repair-orders-replay/${run}`;
  const { per_field, schema_errors } = JSON.parse(rig.read(`${folder}/zero_shot/metrics.json`)) as ArmMetrics;
  expect(per_field?.basic.map(({ field }) => field)).toEqual(
    expect.arrayContaining(["machine", "reported", "fault", "urgent", "cost", "parts[].name", "(other fields)"]),
  );
  expect(schema_errors?.map(({ error }) => error)).toContain("no JSON object could be read");
  const analysis = JSON.parse(rig.read(`${folder}/analysis.json`)) as Analysis;
  expect(analysis.arms.tuned?.wrong).toBe(13);

  const shown = await rig.exp("show", "repair-orders-replay");
  expect(shown.stdout).toMatch(/parts\[\]\.name +string +39/);
  expect(shown.stdout).toContain("Why answers are not valid");
  const release = async () => {
    const { stdout } = await rig.exp("upload", "repair-orders-replay", "--dry-run", "--json");
    const { files, reasons } = JSON.parse(stdout) as Record<"files" | "reasons", readonly Record<string, string>[]>;
    return { paths: files.map(({ path }) => path), codes: reasons.map(({ code }) => code) };
  };
  const released = await release();
  expect(released.paths).toContain("schemas/order.schema.json");
  expect(released.paths).not.toContain("labels.json");
  expect(released.codes).not.toContain("file-altered");
  const schema = rig.read("experiments/orders/order.schema.json");
  rig.append("experiments/orders/order.schema.json", "\n");
  expect((await release()).codes).toContain("file-altered");
  rig.write("experiments/orders/order.schema.json", schema);
  expect((await rig.exp("export", "out", "repair-orders-replay")).code).toBe(0);
  expect(rig.read("out/README.md")).toMatch(/--task json --schema experiments\/orders\/order\.schema\.json/);
  expect(JSON.parse(rig.read("out/experiments/orders/order.schema.json"))).toHaveProperty("properties.machine");
  for (const file of ["README.md", "checklist.md"]) expect(rig.read(join("out", file)), file).not.toMatch(/\blabel/i);
  const page = rig.read("out/report.html").replaceAll(/<(script|style|svg)[\s\S]*?<\/\1>|<[^>]*>/g, " ");
  expect(page).toContain("Results by field");
  expect(page).toContain("Values of the field fault");

  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path("out/workbook.xlsx"));
  const sheets = book.worksheets.map(({ name }) => name);
  expect(sheets).toEqual(expect.arrayContaining(["Fields", "Field confusions", "Invalid answers"]));
  const fields: unknown[][] = [];
  book.getWorksheet("Fields")?.eachRow((row) => fields.push((row.values as unknown[]).slice(1, 7)));
  expect(fields).toContainEqual(["machine", "string", "basic", "LoRA", 40, 39]);
});

test("a target that does not meet the schema is an error with its row; so is a schema with an error", async ({
  rig,
}) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const path = "experiments/repair-orders-replay.yaml";
  rig.edit("experiments/orders/test.jsonl", /(?<="id": "o162".*)"urgent": \w+/, '"urgent": "no"');
  const { code, stderr } = await rig.exp("data", path);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/test\.jsonl:\d+.*error\[broken-target\].*urgent must be boolean/);

  rig.edit("experiments/orders/order.schema.json", '"type": "boolean"', '"type": "bool"');
  const checked = await rig.exp("check", path);
  expect(checked.code).toBe(2);
  expect(checked.stderr).toMatch(/order\.schema\.json:9.*error\[json-schema\].*urgent\/type/);

  rig.edit("experiments/repair-orders.yaml", "  json: {schema: orders/order.schema.json}\n", "");
  expect((await rig.exp("check", path)).stderr).toMatch(/error\[missing-key\].*data\.json\.schema/);
});

test("exp score compares objects of a file by fields, with a schema and a tolerance", async ({ rig }) => {
  const gold = { name: "Ada", price: 10, tags: ["a", "b"] };
  const lines = [
    { id: "1", gold, pred: { tags: ["b", "a"], name: "ADA", price: 10.004 } },
    { id: "2", gold: JSON.stringify(gold), pred: `Answer: ${JSON.stringify({ ...gold, more: 1 })}` },
    { id: "3", gold, pred: null },
  ];
  rig.write("a.jsonl", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const properties = {
    name: { type: "string" },
    price: { type: "number" },
    tags: { type: "array", items: { type: "string" } },
  };
  rig.write("s.json", JSON.stringify({ type: "object", properties, required: ["name"], additionalProperties: false }));
  const score = async (...more: readonly string[]) => {
    const { code, stdout, stderr } = await rig.exp("score", "a.jsonl", "--task", "json", "--json", ...more);
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout).views.basic as Readonly<Record<string, number>>;
  };
  expect(await score("--schema", "s.json", "--tolerance", "0.01")).toMatchObject({
    exact_match: 1 / 3,
    validity: 1 / 3,
    field_recall: 8 / 12,
    field_precision: 8 / 9,
  });
  expect(await score()).toMatchObject({ exact_match: 0, validity: 2 / 3, field_recall: 7 / 12 });
  expectFailure(await rig.exp("score", "a.jsonl", "--schema", "s.json"), 2, "bad-option", "--schema");
  rig.edit("s.json", '"required":["name"]', '"required":["name","price","tags"],"minProperties":4');
  expectFailure(
    await rig.exp("score", "a.jsonl", "--task", "json", "--schema", "s.json"),
    2,
    "invalid-predictions",
    "must NOT have fewer than 4",
  );
});

test("exp predict answers new rows with objects of a run's model", async ({ rig }) => {
  const answers = ['{"count": 2, "item": "lamp"}', 'Sure: {"item": "bed", "count": 1}', '{"item": "lamp"'];
  const { port } = await startServer(rig, (request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => response.end(completion(answers[Number(/case (\d)/.exec(body)?.[1] ?? 0)] as string)));
  });
  const properties = { item: { enum: ["lamp", "chair"] }, count: { type: "integer" } };
  rig.write("experiments/s.json", JSON.stringify({ type: "object", properties, required: ["item", "count"] }));
  const row = (mail: string): string => `${JSON.stringify({ mail, order: { item: "lamp", count: 2 } })}\n`;
  rig.write("experiments/data/train.jsonl", row("a lamp, case 0") + row("two lamps, case 0"));
  rig.write("experiments/data/test.jsonl", row("two lamps please, case 0"));
  rig.write(
    "experiments/served.yaml",
    `name: served
task: json
data:
  train: {file: data/train.jsonl}
  test: {file: data/test.jsonl}
  columns: {input: mail, target: order}
  json: {schema: s.json}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", constrain: schema}
baselines: []
report: {xlsx: false}
`,
  );
  await rig.build("experiments/served.yaml");
  rig.write("new.jsonl", [0, 1, 2].map((at) => `${JSON.stringify({ mail: `case ${at}` })}\n`).join(""));
  const { code, stderr } = await rig.exp("predict", "served", "new.jsonl", "--out", "answers.jsonl");
  expect(code, stderr).toBe(0);
  const written = rig
    .read("answers.jsonl")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(written.map(({ prediction, parsed, notes }) => [prediction, parsed, notes])).toEqual([
    [{ item: "lamp", count: 2 }, true, []],
    [{ item: "bed", count: 1 }, true, ["extra-text", "invalid"]],
    [null, false, ["not-json", "truncated"]],
  ]);
});

test("exp init --data writes a schema that the objects of a column meet", async ({ rig }) => {
  const lines = Array.from({ length: 30 }, (_, at) => ({
    id: at,
    message: `A long message with the number ${at} and the state in it.`,
    order: {
      state: at % 2 ? "open" : "closed",
      day: `2025-01-${at + 1}`.replace(/-(\d)$/, "-0$1"),
      price: at / 4,
      note: at ? "x" : null,
      items: at ? [{ n: at }] : [],
    },
  }));
  rig.write("mails.jsonl", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { code, stdout } = await rig.exp("init", "own", "--data", "mails.jsonl");
  expect([code, stdout.split("\n")[0]]).toEqual([0, "mails.jsonl: 30 rows with JSON objects, task json"]);
  const { properties, required } = JSON.parse(rig.read("own/experiments/schemas/first.schema.json"));
  expect(properties).toMatchObject({
    state: { enum: ["closed", "open"] },
    day: { type: "string", format: "date" },
    price: { type: "number" },
    note: { type: ["null", "string"] },
    items: { type: "array", items: { properties: { n: { type: "integer" } } } },
  });
  expect(required).toEqual(["state", "day", "price", "note", "items"]);
  expect(rig.read("own/experiments/first.yaml")).toContain('{"id":"id","input":"message","target":"order"}');
  const checked = await rig.exp("data", "own/experiments/first.yaml");
  expect(checked.stdout + checked.stderr).not.toContain("broken-target");
  expect(checked.code).toBe(0);
});

test("every example of docs/how-to/structured-output.md works", async ({ rig }) => {
  await runDocPage(rig, "docs/how-to/structured-output.md", 11);
});
