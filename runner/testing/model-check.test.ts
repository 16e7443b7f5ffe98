/** Whether backend and engine support a model is checked from its config.json, before its weights are downloaded. */
import { expect } from "vitest";
import { startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const olmo = { model_type: "olmo3", num_hidden_layers: 32, hidden_size: 3072 };

/** A study that trains a model of a folder or of the hub. */
function write(rig: Rig, model: string): string {
  const file = "experiments/family.yaml";
  rig.write(
    file,
    `name: family
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: ${model}
prompt: {template: prompts/ask.hbs, zero_shot: prompts/zero.hbs}
train: {backend: torchtune, method: lora, precision: fp32, report_to: []}
generate: {engine: transformers, precision: 32bit, max_new_tokens: 8}
baselines: []
report: {pdf: false, html: false, xlsx: false}
resources: {gpus: 0}
`,
  );
  return file;
}

test("check and plan refuse a local model that the backend cannot train, and name the backend that can", async ({
  rig,
}) => {
  rig.write("models/olmo/config.json", JSON.stringify(olmo));
  const file = write(rig, "{base: ../models/olmo}");
  for (const command of ["check", "plan"]) {
    const result = await rig.exp(command, file);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("backend-unsupported");
    expect(result.stderr).toContain("train.backend: axolotl");
    expect(result.stderr).toMatch(/family\.yaml:6/);
  }
});

test("targets that a local model does not have are marked in the file", async ({ rig }) => {
  rig.write("models/phi/config.json", JSON.stringify({ ...olmo, model_type: "phi3" }));
  const file = write(rig, "{base: ../models/phi}");
  rig.edit(file, "method: lora,", "method: lora, targets: [q_proj],");
  const { code, stderr } = await rig.exp("check", file);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/family\.yaml:8:52: error\[backend-unsupported\]/)]);
  expect(stderr).toContain("qkv_proj");
});

test("a model of the hub is refused after its config.json was downloaded, and nothing else", async ({ rig }) => {
  const requests: string[] = [];
  const config = JSON.stringify(olmo);
  const server = await startServer(rig, (request, response) => {
    const url = request.url ?? "";
    requests.push(url);
    response.setHeader("X-Repo-Commit", commit);
    if (url.startsWith("/api/")) {
      const files = ["config.json", "tokenizer.json", "model.safetensors"].map((path) => ({
        ...{ type: "file", path, rfilename: path, size: config.length, oid: "1".repeat(40), blobId: "1".repeat(40) },
      }));
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(url.includes("/tree/") ? files : { id: "org/olmo", sha: commit, siblings: files }));
      return;
    }
    response.setHeader("ETag", `"${"1".repeat(40)}"`);
    response.setHeader("Content-Length", `${config.length}`);
    response.end(request.method === "HEAD" ? undefined : config);
  });
  const file = write(rig, `{base: org/olmo, revision: ${commit}}`);
  rig.usePython();
  rig.env = { ...rig.env, HF_ENDPOINT: `http://127.0.0.1:${server.port}`, HF_HOME: rig.path("hf") };
  expectFailure(await rig.exp("run", file), 1, "backend-unsupported", /train\.backend: axolotl/);
  const resolved = requests.filter((url) => url.includes("/resolve/"));
  expect(resolved.length).toBeGreaterThan(0);
  expect(resolved.every((url) => url.endsWith("/config.json"))).toBe(true);
});
