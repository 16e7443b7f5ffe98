/** `engine: openai` with llama.cpp's server on the bundled model, and with servers that fail. */
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { ScoredResponse } from "../pipeline/steps/answer.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { startLlama } from "./llama-server.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/served.yaml";

/** Writes an experiment that requests answers to `cases` rows from a server. */
function write(rig: Rig, baseUrl: string, generate: string, cases = 8): void {
  rig.write(
    file,
    `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: ${cases}}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${baseUrl}", ${generate}}
baselines: []
report: {xlsx: false}
`,
  );
}

type Prediction = ScoredResponse & { readonly labels: readonly string[] };

function predictions(rig: Rig, manifest: string): readonly Prediction[] {
  const { object } = rig.manifest(manifest).steps["evaluate.zero_shot"] as { readonly object: string };
  const lines = rig
    .read(join("artifacts/store/objects", object, "predictions.jsonl"))
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Prediction);
}

test("llama.cpp's server answers in parallel, constrained to the labels of the study", async ({ rig }) => {
  const { baseUrl, end } = await startLlama(4);
  rig.onClose(end);
  write(rig, baseUrl, "constrain: labels, concurrency: 4, max_new_tokens: 32, logprobs: true");
  expect(Object.keys(await rig.plan(file))).toEqual([
    "data",
    "prompt.zero_shot",
    "generate.zero_shot",
    "evaluate.zero_shot",
    "analyse",
  ]);
  const { manifest } = await rig.build(file);
  const answered = predictions(rig, manifest);
  const known = new Set(
    rig
      .read("experiments/data/train.csv")
      .split("\n")
      .flatMap((line) => (/"([^"]*)",row/.exec(line)?.[1] ?? "").split(", ")),
  );
  expect(answered).toHaveLength(8);
  for (const { labels, parsed, finish, prompt_tokens, new_tokens, logprob } of answered) {
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
    expect(parsed).toBe(true);
    expect(["stop", "length"]).toContain(finish);
    expect([prompt_tokens, new_tokens].every((tokens) => (tokens as number) > 3)).toBe(true);
    expect(logprob).toBeLessThan(0);
  }
  const { evidence } = rig.manifest(manifest).steps["generate.zero_shot"] ?? {};
  expect(evidence).toMatchObject({ cases: 8, url: baseUrl, retries: {} });
  end();
  rig.edit(file, baseUrl, "http://127.0.0.1:1/v1");
  expect((await rig.build(file)).steps).toMatchObject({ "generate.zero_shot": "reused" });
});

const key = "sk-a-very-secret-key";

/** Starts a server with a request handler of the test; returns its base URL. */
async function serve(rig: Rig, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${(await startServer(rig, listener)).port}/v1`;
}

describe("a server that fails", () => {
  test("gives one error; earlier answers are kept, and no artifact contains the key", async ({ rig }) => {
    let requests = 0;
    let broken = true;
    const baseUrl = await serve(rig, ({ headers }, response) => {
      requests++;
      if (broken && requests > 5) response.writeHead(401).end(`{"error": {"message": "bad key ${key}"}}`);
      else response.end(completion(headers.authorization === `Bearer ${key}` ? "liver cyst" : "no key"));
    });
    write(rig, baseUrl, "api_key_env: MY_SERVER_SECRET, concurrency: 1");
    expectFailure(await rig.exp("run", file), 1, "no-api-key", "MY_SERVER_SECRET");
    rig.env = { ...rig.env, MY_SERVER_SECRET: key };
    expectFailure(await rig.exp("run", file), 1, "server-refused", "401", "bad key [redacted]");
    expect(requests).toBe(6);
    broken = false;
    const { manifest } = await rig.build(file);
    expect(requests).toBe(9);
    expect(predictions(rig, manifest).map(({ text }) => text)).toEqual(Array.from({ length: 8 }, () => "liver cyst"));
    expect(rig.manifest(manifest).steps["generate.zero_shot"]?.evidence).toMatchObject({ resumed: 5 });
    const written = Object.entries(rig.tree()).filter(([, content]) => !content.startsWith("->"));
    expect(written.length).toBeGreaterThan(10);
    for (const [name] of written) expect(rig.read(`artifacts/${name}`), name).not.toContain(key);
  });

  test("answers the cases of torn lines again after a power cut", async ({ rig }) => {
    let broken = true;
    let requests = 0;
    const baseUrl = await serve(rig, (_, response) => {
      requests++;
      if (broken && requests > 3) response.writeHead(401).end();
      else response.end(completion("liver cyst"));
    });
    write(rig, baseUrl, "concurrency: 1");
    expectFailure(await rig.exp("run", file), 1, "server-refused");
    const [partial] = Object.keys(rig.tree()).filter((name) => name.endsWith("partial.jsonl")) as [string];
    const [first, ...rest] = rig.read(`artifacts/${partial}`).split("\n") as [string, ...string[]];
    const torn = ["\0".repeat(99), "null", "[]", JSON.stringify({ ...JSON.parse(first), text: 5 })];
    rig.write(`artifacts/${partial}`, [...torn, ...rest].join("\n"));
    broken = false;
    requests = 0;
    const { manifest } = await rig.build(file);
    expect(requests).toBe(6);
    expect(predictions(rig, manifest).map(({ text }) => text)).toEqual(Array.from({ length: 8 }, () => "liver cyst"));
  });

  test("a vote requests several answers with different seeds and keeps the labels of the majority", async ({ rig }) => {
    const seeds = new Set<number>();
    const baseUrl = await serve(rig, (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const { seed } = JSON.parse(body) as { seed: number };
        seeds.add(seed);
        response.end(completion(seed === 3 ? "kidney stone" : `liver cyst, spleen mass ${seed}`));
      });
    });
    write(rig, baseUrl, "temperature: 0.7, seed: 3, vote: {samples: 3}", 2);
    const { manifest } = await rig.build(file);
    expect([...seeds].sort()).toEqual([3, 4, 5]);
    expect(predictions(rig, manifest).map(({ labels }) => labels)).toEqual([["liver cyst"], ["liver cyst"]]);
    rig.edit(file, "{samples: 3}", "{samples: 3, min_share: 0.3}");
    const again = await rig.build(file);
    expect(again.steps).toMatchObject({ "generate.zero_shot": "reused", "evaluate.zero_shot": "built" });
    expect(predictions(rig, again.manifest)[0]?.labels).toHaveLength(4);
  });

  test("that does not respond: Ctrl-C stops the run, and the next run resumes", async ({ rig }) => {
    let silent = true;
    let requests = 0;
    const baseUrl = await serve(rig, (_request, response) => {
      requests++;
      if (!silent || requests <= 3) response.end(completion("liver cyst"));
    });
    write(rig, baseUrl, "concurrency: 1");
    const started = rig.start(["run", file, "--json"]);
    await started.waitFor(/"done":3/);
    started.process.kill("SIGINT");
    expect((await started.ended).code).toBe(130);
    silent = false;
    const { manifest } = await rig.build(file);
    expect(rig.manifest(manifest).steps["generate.zero_shot"]?.evidence).toMatchObject({ cases: 8, resumed: 3 });
  });
});

test("llama.cpp's server answers with objects of the schema of the study", async ({ rig }) => {
  const { baseUrl, end } = await startLlama(2);
  rig.onClose(end);
  const row = (id: number): string =>
    `${JSON.stringify({ id, mail: `Order ${id}: two lamps.`, order: { item: "lamp", count: 2, urgent: false } })}\n`;
  rig.write("experiments/data/orders-train.jsonl", [1, 2].map(row).join(""));
  rig.write("experiments/data/orders-test.jsonl", [3, 4].map(row).join(""));
  const properties = { item: { enum: ["lamp", "chair"] }, count: { type: "integer" }, urgent: { type: "boolean" } };
  rig.write(
    "experiments/order.schema.json",
    JSON.stringify({
      ...{ type: "object", properties, required: ["item", "count", "urgent"], additionalProperties: false },
    }),
  );
  rig.write(
    file,
    `name: served
task: json
data:
  train: {file: data/orders-train.jsonl}
  test: {file: data/orders-test.jsonl}
  columns: {id: id, input: mail, target: order}
  json: {schema: order.schema.json}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${baseUrl}", constrain: schema, max_new_tokens: 64}
baselines: []
report: {xlsx: false}
`,
  );
  const { manifest } = await rig.build(file);
  const { arms } = rig.manifest(manifest);
  expect(arms.zero_shot?.raw.validity).toBe(1);
});
