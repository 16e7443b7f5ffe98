import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./measure.mjs";
import { makeStudy } from "./study.mjs";

/** What `exp run` adds to a training: the same config given to `tune run` beside it. */
export const training = {
  name: "training",
  async groups({ exp, root, compare, folder, quick }) {
    const cache = process.env.EXP_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "exp");
    const bin = join(cache, "envs", "torchtune", "bin");
    if (!existsSync(join(bin, "tune")))
      return [{ title: "Around a training", rows: [], note: "Skipped: run `exp setup torchtune` first." }];

    const study = folder("training");
    const model = join(study, "model");
    const python = { cwd: root, env: { ...process.env, PYTHONPATH: root } };
    execFileSync(
      join(bin, "python"),
      ["-m", "recipes.common.tiny_models", model, "--family", "llama", "--layers", "8"],
      python,
    );
    const epochs = quick ? 1 : 6;
    const file = makeTraining(study, epochs);
    const command = [...exp, "run", file, "--until", "train", "--force", "train", "--json"];
    const config = await configOf(command, study, { ...process.env, EXP_CACHE: cache });
    const work = join(study, "tune");
    const direct = join(study, "config.json");
    writeFileSync(direct, JSON.stringify({ ...config, output_dir: work }));

    const inside = { preflight: [] };
    // What the train step sets for itself: threads that sleep while they wait.
    const env = { EXP_CACHE: cache, OMP_WAIT_POLICY: "PASSIVE", TQDM_DISABLE: "1", PYTHONPATH: root };
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
          who: "tune run",
          command: [join(bin, "tune"), "run", "recipes/torchtune/recipe.py", "--config", direct],
          cwd: root,
          env,
          before() {
            // A checkpoint of the round before would be gone on from.
            rmSync(work, { recursive: true, force: true });
            mkdirSync(work);
          },
        },
        {
          who: "exp run, the preflight alone",
          command: [...exp, "run", file, "--until", "preflight", "--force", "preflight", "--quiet"],
          cwd: study,
          env,
        },
      ],
      { rounds: quick ? 1 : 3 },
    );
    const [ours, theirs, preflight] = rows;
    const over = (name, less) => median(ours[name].map((value, at) => value - theirs[name][at] - less[at]));
    const share = (seconds, of) => `${seconds.toFixed(2)} s (${((100 * seconds) / median(theirs[of])).toFixed(1)} %)`;
    const note =
      "Before a training, exp checks its rows and tokens, which tune does not: the preflight, a process of its own. " +
      `Without it, exp run takes ${share(over("wall", inside.preflight), "wall")} of wall time more than tune run, and ` +
      `${share(over("cpu", preflight.cpu), "cpu")} of CPU; medians over pairs, target 2 s. With it, ` +
      `${share(
        over(
          "wall",
          ours.wall.map(() => 0),
        ),
        "wall",
      )} and ${share(
        over(
          "cpu",
          ours.cpu.map(() => 0),
        ),
        "cpu",
      )}.`;
    return [{ title: `${epochs * 100} training steps of a tiny model`, rows, note }];
  },
};

function makeTraining(study, epochs) {
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
train: {backend: torchtune, method: lora, rank: 8, epochs: ${epochs}, batch_size: 8, gradient_accumulation: 1, learning_rate: 1.0e-3, max_length: 256, precision: fp32, seed: 1, keep: last}
generate: {engine: transformers, max_new_tokens: 16}
baselines: []
`,
  );
  return "experiments/training.yaml";
}

/** Runs exp once and takes the torchtune config that the train step leaves in its work folder while it runs. */
async function configOf(command, cwd, env) {
  const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => (said += text));
  const ended = once(child, "close");
  let config;
  while (child.exitCode === null && child.signalCode === null) {
    config ??= findConfig(join(cwd, "artifacts", "work"));
    await sleep(20);
  }
  await ended;
  if (child.exitCode !== 0 || config === undefined) throw new Error(`${command.join(" ")}: ${said.slice(-2000)}`);
  return config;
}

function findConfig(work) {
  if (!existsSync(work)) return undefined;
  for (const key of readdirSync(work)) {
    try {
      return JSON.parse(readFileSync(join(work, key, "config.json"), "utf8"));
    } catch {
      // Not there yet.
    }
  }
  return undefined;
}
