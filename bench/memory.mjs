/**
 * The estimates of `exp plan` next to the use of real runs: `node bench/memory.mjs [--write] [--model tiny|smollm2-135m]...
 * [--backend NAME]... [--method NAME]...`.
 * Trains, merges and generates with every method that the capability matrix has for this machine's CPU, on the shipped study,
 * a few steps each. `--write` puts the table into docs/explanation/estimates.md. Prints which measured peaks and times lie in their ranges.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    model: { type: "string", multiple: true },
    backend: { type: "string", multiple: true },
    method: { type: "string", multiple: true },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "exp-memory-"));
const models = options.model ?? ["tiny", "smollm2-135m"];

function exp(...args) {
  return execFileSync(process.execPath, [join(root, "dist/cli.js"), ...args], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** A tiny model's folder, made by the recipes. */
function tiny() {
  const cache = process.env.EXP_CACHE ?? join(homedir(), ".cache/exp");
  const python = join(cache, "envs/torchtune/bin/python");
  const path = join(folder, "models/tiny");
  execFileSync(python, ["-m", "recipes.tools.tiny_models", path, "--family", "qwen3", "--tied"], { cwd: root });
  return path;
}

/** One experiment on a part of the shipped study. */
function experiment(name, { base, backend, method, batch }) {
  const data = join(root, "experiments/data");
  const columns = "{id: case_id, input: input_finding, target: output_disease}";
  writeFileSync(
    join(folder, "experiments", `${name}.yaml`),
    `name: ${name}
data:
  train: {file: ${data}/train.csv, limit: 64, seed: 1}
  test: {file: ${data}/test.csv, limit: 16, seed: 1}
  columns: ${columns}
  accept: [${accepted.join(", ")}]
model: {base: ${base}}
prompt: {template: prompts/diagnosis.hbs, labels: {min_count: 10}}
train: {backend: ${backend}, method: ${method}, batch_size: ${batch}, gradient_accumulation: 1, max_steps: 4, max_length: 1024, merge: true}
generate: {engine: transformers, max_new_tokens: 32, batch_size: 8}
baselines: []
report: {xlsx: false}
resources: {gpus: 0}
`,
  );
}

const accepted = [];
/** Steps of one run, measured: peak in bytes, seconds. */
function measured() {
  const keys = join(folder, "artifacts/store/keys");
  return readdirSync(keys, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(keys, file), "utf8")));
}

const rows = [];
try {
  mkdirSync(join(folder, "experiments"));
  cpSync(join(root, "prompts"), join(folder, "prompts"), { recursive: true });
  const { methods } = JSON.parse(exp("doctor", "--json"));
  for (const model of models) {
    const base = model === "tiny" ? tiny() : model;
    for (const { backend, method, here, cpu } of methods) {
      if (cpu.length === 0 || here === null || options.backend?.includes(backend) === false) continue;
      if (options.method?.includes(method) === false) continue;
      const name = `${model}-${backend}-${method}`;
      experiment(name, { base, backend, method, batch: model === "tiny" ? 4 : 8 });
      const file = `experiments/${name}.yaml`;
      const output = exp("plan", "--json", file);
      // Warnings come first, a line each.
      const plan = JSON.parse(output.slice(output.indexOf("{\n")));
      rmSync(join(folder, "artifacts"), { recursive: true, force: true });
      exp("run", "--json", file);
      const records = measured();
      for (const { id, kind, estimate } of plan.steps) {
        if (estimate.memory === null || kind === "fetch") continue;
        const arm = id.includes("zero_shot") ? false : undefined;
        const record = records.find(
          ({ ingredients }) =>
            ingredients.kind === kind &&
            (kind !== "generate" ||
              ("adapter" in ingredients.inputs || "weights" in ingredients.inputs) === (arm ?? true)),
        );
        if (record === undefined) continue;
        rows.push({
          name: `${model} ${backend} ${method}`,
          step: id,
          estimate,
          ...record.evidence,
          wall: record.seconds,
        });
      }
      console.log(`${name}: measured`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const gb = (bytes) => (bytes / 1e9).toFixed(2);
const inside = ([low, high], value) => (value < low ? "below" : value > high ? "above" : "in");
const table = [
  "| run | step | memory, estimated GB | measured GB | | time, estimated s | measured s | |",
  "|---|---|---|---|---|---|---|---|",
  ...rows.map(({ name, step, estimate: { memory, seconds }, peak_memory: peak, wall }) => {
    const time =
      seconds === null ? ["", ""] : [`${seconds.map((one) => one.toFixed(0)).join("-")}`, inside(seconds, wall)];
    return `| ${name} | ${step} | ${memory.map(gb).join("-")} | ${gb(peak)} | ${inside(memory, peak)} | ${time[0]} | ${wall.toFixed(0)} | ${time[1]} |`;
  }),
].join("\n");
console.log(table);
const outside = rows.filter(({ estimate, peak_memory }) => inside(estimate.memory, peak_memory) !== "in").length;
console.log(`memory: ${rows.length - outside} of ${rows.length} within the range`);
if (options.write) {
  const page = join(root, "docs/explanation/estimates.md");
  const [start, end] = ["<!-- measured -->", "<!-- /measured -->"];
  const text = readFileSync(page, "utf8");
  const at = text.indexOf(start) + start.length;
  writeFileSync(page, `${text.slice(0, at)}\n${table}\n${text.slice(text.indexOf(end))}`);
}
