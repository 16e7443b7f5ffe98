import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./measure.mjs";
import { makeStudy } from "./study.mjs";

/** The time that `exp run` adds to a training, for each trainer: the same config is also passed to the trainer directly. */
export const training = {
  name: "training",
  async groups(bench) {
    const groups = [];
    for (const trainer of [torchtune, axolotl]) groups.push(await around(trainer, bench));
    return groups;
  },
};

/** How a trainer is called without exp: its own command, and the files of exp's train step in the work folder. */
const torchtune = {
  backend: "torchtune",
  command: "tune run",
  epochs: 6,
  // The runner sets the same variables: waiting threads sleep soon.
  env: { OMP_WAIT_POLICY: "PASSIVE", GOMP_SPINCOUNT: "10000", TQDM_DISABLE: "1" },
  take(work) {
    return JSON.parse(readFileSync(join(work, "config.json"), "utf8"));
  },
  give(config, folder) {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify({ ...config, output_dir: join(folder, "work") }));
    return file;
  },
  call: (bin, config) => [join(bin, "tune"), "run", "recipes/torchtune/recipe.py", "--config", config],
};

const axolotl = {
  backend: "axolotl",
  command: "python -m axolotl.cli.train",
  epochs: 2,
  env: {
    ...{
      OMP_WAIT_POLICY: "PASSIVE",
      GOMP_SPINCOUNT: "10000",
      AXOLOTL_DO_NOT_TRACK: "1",
      DO_NOT_TRACK: "1",
      HF_HUB_OFFLINE: "1",
    },
    ...{ WANDB_MODE: "disabled", TOKENIZERS_PARALLELISM: "false" },
  },
  take(work) {
    const folder = join(work, "axolotl");
    const config = readFileSync(join(folder, "config.yaml"), "utf8");
    return { config, folder, rows: readFileSync(join(folder, "train.jsonl"), "utf8") };
  },
  give({ config, folder: old, rows }, folder) {
    const file = join(folder, "config.yaml");
    writeFileSync(join(folder, "train.jsonl"), rows);
    writeFileSync(file, config.replaceAll(old, folder));
    return file;
  },
  call: (bin, config) => [join(bin, "python"), "-m", "axolotl.cli.train", config],
};

async function around(trainer, { exp, root, compare, folder, quick }) {
  const { backend } = trainer;
  const title = `Around a training with ${backend}`;
  const cache = process.env.EXP_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "exp");
  const bin = join(cache, "envs", backend, "bin");
  const models = join(cache, "envs", "torchtune", "bin", "python");
  if (!existsSync(join(bin, "python")) || !existsSync(models))
    return { title, rows: [], note: `Skipped: run \`exp setup torchtune ${backend}\` first.` };

  const study = folder(`training-${backend}`);
  const model = join(study, "model");
  const python = { cwd: root, env: { ...process.env, PYTHONPATH: root } };
  execFileSync(models, ["-m", "recipes.tools.tiny_models", model, "--family", "llama", "--layers", "8"], python);
  const epochs = quick ? 1 : trainer.epochs;
  const file = makeTraining(study, backend, epochs);
  const command = [...exp, "run", file, "--until", "train", "--force", "train", "--json"];
  const taken = await configOf(trainer, command, study, { ...process.env, EXP_CACHE: cache });
  const direct = join(study, "direct");
  const env = { EXP_CACHE: cache, PYTHONPATH: root, ...trainer.env };
  mkdirSync(direct, { recursive: true });
  const config = trainer.give(taken, direct);

  const inside = { preflight: [] };
  const rows = await compare(
    [
      {
        who: "exp run",
        command,
        cwd: study,
        env,
        after(stdout) {
          for (const line of stdout.trim().split("\n")) {
            const { type, step, status, seconds } = JSON.parse(line);
            if (type === "step-end" && status === "built") inside[step]?.push(seconds);
          }
        },
      },
      {
        who: trainer.command,
        command: trainer.call(bin, config),
        cwd: root,
        env: { ...env, HF_DATASETS_CACHE: join(direct, "cache") },
        before() {
          // The next round would resume from a checkpoint or reuse a prepared data set.
          rmSync(direct, { recursive: true, force: true });
          mkdirSync(join(direct, "work"), { recursive: true });
          trainer.give(taken, direct);
        },
      },
      {
        who: "exp run, only the preflight",
        command: [...exp, "run", file, "--until", "preflight", "--force", "preflight", "--quiet"],
        cwd: study,
        env,
      },
    ],
    { rounds: quick ? 1 : 3 },
  );
  const [ours, theirs, preflight] = rows;
  const over = (name, less) => median(ours[name].map((value, at) => value - theirs[name][at] - (less[at] ?? 0)));
  const share = (seconds, of) => `${seconds.toFixed(2)} s (${((100 * seconds) / median(theirs[of])).toFixed(1)} %)`;
  const note =
    `Before a training, exp checks its rows and tokens, which ${trainer.command} does not: the preflight, a process of ` +
    `its own. Without it, exp run takes ${share(over("wall", inside.preflight), "wall")} of wall time more than ` +
    `${trainer.command}, and ${share(over("cpu", preflight.cpu), "cpu")} of CPU; medians over pairs, target 2 s. With ` +
    `it, ${share(over("wall", []), "wall")} and ${share(over("cpu", []), "cpu")}.`;
  return { title: `${title}: ${epochs * 100} steps of a tiny model`, rows, note };
}

function makeTraining(study, backend, epochs) {
  makeStudy(study, { points: 1, rows: 800 });
  writeFileSync(
    join(study, "experiments", "training.yaml"),
    `name: training
data:
  train: {file: train.csv}
  test: {file: test.csv}
  columns: {id: id, input: input, target: target}
model: {base: ../model}
prompt: {template: prompts/plain.hbs}
train: {backend: ${backend}, method: lora, rank: 8, epochs: ${epochs}, batch_size: 8, gradient_accumulation: 1, learning_rate: 1.0e-3, max_length: 256, precision: fp32, seed: 1, keep: last}
generate: {engine: transformers, max_new_tokens: 16}
baselines: []
`,
  );
  return "experiments/training.yaml";
}

/** Runs exp once and copies the work folder of the train step while it runs. */
async function configOf(trainer, command, cwd, env) {
  const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => (said += text));
  const ended = once(child, "close");
  let config;
  while (child.exitCode === null && child.signalCode === null) {
    config ??= findConfig(trainer, join(cwd, "artifacts", "work"));
    await sleep(20);
  }
  await ended;
  if (child.exitCode !== 0 || config === undefined) throw new Error(`${command.join(" ")}: ${said.slice(-2000)}`);
  return config;
}

function findConfig(trainer, work) {
  if (!existsSync(work)) return undefined;
  for (const key of readdirSync(work)) {
    try {
      return trainer.take(join(work, key));
    } catch {
      // It does not exist yet.
    }
  }
  return undefined;
}
