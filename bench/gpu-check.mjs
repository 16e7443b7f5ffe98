/**
 * Checks on a GPU what exp does on a GPU: `npm run gpu-check [-- --cpu] [--minutes 15] [--backend NAME]... [--method NAME]...
 * [--keep FOLDER]`. Each backend trains with each method on a random model of the shape of Qwen3-0.6B, and each engine generates; with two
 * GPUs also two together. Prints a table in Markdown and writes it to gpu-check.md. `--cpu` does the same on the CPU with a tiny model.
 *
 * Exit codes: 0 if every check succeeded, 1 if one failed or was not run, 3 if there is no GPU.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    cpu: { type: "boolean", default: false },
    minutes: { type: "string", default: "15" },
    backend: { type: "string", multiple: true },
    method: { type: "string", multiple: true },
    keep: { type: "string" },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "dist/cli.js");
const cache = process.env.EXP_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "exp");
const GB = 1e9;

const cards = options.cpu ? [] : queryGpus();
if (!options.cpu && cards.length === 0) {
  console.log("gpu-check: nvidia-smi lists no GPU here. Run it on a machine with one, or try its code with --cpu.");
  process.exit(3);
}

/** The GPUs of this machine: name, compute capability, memory, driver. */
function queryGpus() {
  const fields = "--query-gpu=name,compute_cap,memory.total,driver_version";
  const { status, stdout } = spawnSync("nvidia-smi", [fields, "--format=csv,noheader"], { encoding: "utf8" });
  if (status !== 0) return [];
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [name, capability, memory, driver] = line.split(", ");
      return { name, capability, memory, driver };
    });
}

function exp(...args) {
  return execFileSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const folder = options.keep ?? mkdtempSync(join(tmpdir(), "exp-gpu-check-"));
mkdirSync(join(folder, "experiments"), { recursive: true });
cpSync(join(root, "prompts"), join(folder, "prompts"), { recursive: true });

/** Shape of Qwen3-0.6B. Weights are drawn small, so that the activations of fp16 are finite. */
const shape = {
  ...{ hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 28, num_attention_heads: 16 },
  ...{ num_key_value_heads: 8, vocab_size: 151_936, initializer_range: 0.02 },
};

/** Folder of the model, made by the recipes. */
function makeModel() {
  const path = join(folder, "models/random");
  const size = options.cpu ? [] : ["--config", JSON.stringify(shape), "--head-dim", "128", "--dtype", "bfloat16"];
  const python = join(cache, "envs/torchtune/bin/python");
  execFileSync(python, ["-m", "recipes.tools.tiny_models", path, "--family", "qwen3", "--tied", ...size], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return path;
}

/** Writes one experiment on a part of the shipped study. Trainings and answers that two of them share run once. */
function experiment({ name, train, generate, gpus }, base) {
  const data = join(root, "experiments/data");
  const sections = {
    name,
    data: {
      train: { file: join(data, "train.csv"), limit: 64, seed: 1 },
      test: { file: join(data, "test.csv"), limit: 16, seed: 1 },
      columns: { id: "case_id", input: "input_finding", target: "output_disease" },
    },
    model: { base },
    prompt: { template: "prompts/diagnosis.hbs", labels: { min_count: 10 } },
    train: { batch_size: 2, gradient_accumulation: 2, max_steps: options.cpu ? 2 : 8, max_length: 1024, ...train },
    generate: { max_new_tokens: 16, ...generate },
    baselines: [],
    report: { xlsx: false },
    resources: { gpus },
  };
  const file = `experiments/${name}.yaml`;
  // A YAML file may consist of JSON.
  writeFileSync(join(folder, file), JSON.stringify(sections, null, 1));
  return file;
}

/** The checks in their order: what the table needs most comes first. */
function plannedChecks({ methods, engines }) {
  const gpus = options.cpu ? 0 : 1;
  const wanted = methods.filter(
    ({ backend, method }) => (options.backend?.includes(backend) ?? true) && (options.method?.includes(method) ?? true),
  );
  const transformers = { engine: "transformers" };
  const trainings = wanted.map(({ backend, method, here, why }) => ({
    name: `${backend}-${method}`,
    what: `${backend}, ${method}`,
    train: { backend, method },
    generate: transformers,
    gpus,
    impossible: here === null ? why : undefined,
  }));
  const [first] = wanted.filter(({ here, method }) => here !== null && method === "lora");
  if (first === undefined) return trainings;
  const train = { backend: first.backend, method: "lora" };
  const vllm = engines.find(({ engine }) => engine === "vllm");
  const absent = options.cpu && !existsSync(join(cache, "envs/vllm"));
  const impossible = absent ? "exp setup vllm has not been run" : vllm?.here ? undefined : vllm?.why;
  const more = [
    { name: "merged", what: "merged model", train: { ...train, merge: true }, generate: transformers, gpus },
    { name: "four-bit", what: "generation in 4 bit", train, generate: { ...transformers, precision: "4bit" }, gpus },
    { name: "labels", what: "constrained answers", train, generate: { ...transformers, constrain: "labels" }, gpus },
    { name: "vllm", what: "vLLM", train, generate: { engine: "vllm" }, gpus, impossible },
    {
      name: "vllm-labels",
      what: "vLLM, constrained answers",
      train,
      generate: { engine: "vllm", constrain: "labels" },
      gpus,
      impossible,
    },
  ];
  const pairs =
    cards.length < 2 ? [] : wanted.filter(({ here, method }) => here !== null && /^(lora|full)$/.test(method));
  const together = pairs.map(({ backend, method }) => ({
    name: `${backend}-${method}-2`,
    what: `${backend}, ${method}, 2 GPUs`,
    train: { backend, method },
    generate: transformers,
    gpus: 2,
  }));
  return [...trainings, ...more, ...together];
}

/** Runs one experiment until it ends or the time is up. Returns its events. */
function run(file, seconds) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, "run", "--json", file], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    const timer = setTimeout(() => child.kill("SIGTERM"), seconds * 1000);
    child.on("close", () => {
      clearTimeout(timer);
      resolve(output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : [])));
    });
  });
}

/** Records of finished steps by their key. */
function records() {
  const keys = join(folder, "artifacts/store/keys");
  return new Map(
    readdirSync(keys, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".json"))
      .map((file) => [
        file.replace(/.*\//, "").replace(".json", ""),
        JSON.parse(readFileSync(join(keys, file), "utf8")),
      ]),
  );
}

/** The row of a check: its result, and what was measured next to what was estimated. */
async function check(planned, base, deadline) {
  const { what, impossible } = planned;
  if (impossible !== undefined) return { what, result: `not possible: ${impossible}`, counts: false };
  const left = (deadline - Date.now()) / 1000;
  if (left < 20) return { what, result: "not run: the time is up", failed: true };
  const file = experiment(planned, base);
  const began = Date.now();
  const events = await run(file, left);
  const seconds = (Date.now() - began) / 1000;
  const ended = events.find(({ type }) => type === "run-end");
  if (ended?.status !== "done") {
    const broken = events.find(({ type, status }) => type === "step-end" && status === "failed");
    const error = broken?.error ?? events.find(({ severity }) => severity === "error");
    const late = Date.now() >= deadline ? "stopped: the time is up" : "ended without a result";
    const why = error === undefined ? late : `${error.code}: ${error.message}`;
    for (const line of broken?.error?.tail ?? []) console.error(`  ${line}`);
    return { what, result: `failed${broken ? ` in ${broken.step}` : ""}, ${why}`, seconds, failed: true };
  }
  const { steps } = JSON.parse(readFileSync(ended.manifest, "utf8"));
  const all = records();
  const evidence = Object.fromEntries(Object.entries(steps).map(([id, { key }]) => [id, all.get(key)?.evidence ?? {}]));
  const estimates = JSON.parse(exp("plan", "--json", file).replace(/^[^{]*/, "")).steps;
  // A training that an earlier check has done is in the cache.
  const trained = events.some(
    ({ type, step, status }) => type === "step-end" && step === "train" && status === "built",
  );
  const step = trained ? "train" : "generate.tuned";
  return {
    what,
    result: "ok",
    seconds,
    step,
    precision: evidence[step]?.precision,
    measured: evidence[step]?.[options.cpu ? "peak_memory" : "peak_gpu_memory"],
    estimated: estimates.find(({ id }) => id === step)?.estimate?.[options.cpu ? "memory" : "gpu_memory"],
    speed: evidence[step]?.tokens_per_second,
  };
}

const cell = (text) =>
  String(text ?? "")
    .replaceAll("|", "\\|")
    .replaceAll("\n", " ");
const gb = (bytes) => (bytes === undefined || bytes === null ? "" : (bytes / GB).toFixed(2));

function table(rows, versions) {
  const machine = options.cpu
    ? "CPU with a tiny model: this proves nothing about a GPU"
    : cards.map((one) => `${one.name} (${one.capability}, ${one.memory}, driver ${one.driver})`).join("; ");
  return [
    `${machine}. exp ${versions.exp}, Node ${process.versions.node}, torch ${versions.torch}, ${new Date().toISOString().slice(0, 10)}.`,
    "",
    "| check | result | seconds | step | precision | memory, GB | estimated GB | tokens/s |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.map(({ what, result, seconds, step, precision, measured, estimated, speed }) =>
      [what, result, seconds?.toFixed(0), step, precision, gb(measured), estimated?.map(gb).join("-"), speed]
        .map(cell)
        .join(" | ")
        .replace(/^|$/g, (_, at) => (at === 0 ? "| " : " |")),
    ),
  ].join("\n");
}

try {
  for (const environment of ["torchtune", "axolotl", ...(options.cpu ? [] : ["vllm"])]) {
    if (options.backend && environment !== "torchtune" && !options.backend.includes(environment)) continue;
    const { status } = spawnSync(process.execPath, [cli, "setup", environment], { stdio: "inherit" });
    if (status !== 0) console.error(`gpu-check: exp setup ${environment} failed; its checks will fail`);
  }
  const base = makeModel();
  const deadline = Date.now() + Number(options.minutes) * 60_000;
  const rows = [];
  for (const planned of plannedChecks(JSON.parse(exp("doctor", "--json")))) {
    const row = await check(planned, base, deadline);
    console.error(`${row.what}: ${row.result}`);
    rows.push(row);
  }
  const torch = execFileSync(join(cache, "envs/torchtune/bin/python"), [
    "-c",
    "import importlib.metadata; print(importlib.metadata.version('torch'))",
  ]);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const page = table(rows, { exp: version, torch: String(torch).trim() });
  console.log(`\n${page}`);
  writeFileSync("gpu-check.md", `${page}\n`);
  process.exitCode = rows.some(({ failed }) => failed) ? 1 : 0;
} finally {
  if (options.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
