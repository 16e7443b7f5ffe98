/**
 * Core code reads the registries: it contains the name of no implementation, so that a new one needs no change in core.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors } from "../plugins/executors/registry.ts";
import { metricNames, tasks } from "../plugins/tasks/registry.ts";

const runner = fileURLToPath(new URL("..", import.meta.url));

/** Names that are also ordinary words or Python packages: only a quoted literal counts as the name. */
const words = new Set(["replay", "local", "transformers"]);

/** Literals that equal a name but mean something else, by file. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  // The `library_name` of a model card on the Hugging Face hub.
  "publishing/release/model-card.ts": ["transformers"],
  // The origin of a model: a folder of this machine.
  "pipeline/steps/fetch.ts": ["local"],
  "project/site.ts": ["local"],
  "plugins/site.ts": ["local"],
  // A scope of git's settings.
  "util/git.ts": ["local"],
  // Metrics that the recipes compute on validation rows during a training.
  "plugins/backends/methods.ts": ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
  "plugins/backends/train-schema.ts": ["micro_f1"],
  // The new name of a value.
  "config/renamed-keys.ts": ["macro_f1"],
  // The trainer of experiments/quickstart.yaml.
  "quickstart.mjs": ["torchtune"],
  // A column of the figure's data.
  "reporting/figures/reliability.ts": ["accuracy"],
};

/**
 * Core: every source file except implementations, their registration and tests. Both label tasks share
 * evaluation/labels; those of texts and JSON objects have evaluation/text and evaluation/json.
 */
const core = readdirSync(runner, { recursive: true, encoding: "utf8" }).filter(
  (path) =>
    /\.(ts|mjs)$/.test(path) &&
    !/(\.test|test-rig)\.ts$/.test(path) &&
    !/^(testing|templates|schemas)\//.test(path) &&
    !/^(plugins\/[^/]+\/[^/]+|evaluation\/(json|labels|text))\//.test(path) &&
    path !== "plugins/built-in.ts",
);

const literal = (name: string): RegExp => new RegExp(`["'\`]${name}["'\`]`);
/** Also a part of an identifier or of an environment variable: isAxolotl, SLURM_JOB_ID. */
const anywhere = (name: string): RegExp => (words.has(name) ? literal(name) : new RegExp(name, "i"));
/** A task whose name is an ordinary word counts only where a task is compared with it or looked up by it. */
const word = (name: string): RegExp =>
  name === "text" || name === "json"
    ? new RegExp(`task\\S*(?: [!=]==? |\\()["'\`]${name}["'\`]`, "i")
    : new RegExp(`\\b${name}\\b`, "i");

/** A metric named as a node of YAML counts only where a metric is compared with it. */
const quoted = (name: string): RegExp =>
  name === "map" ? /metric\S*(?: [!=]==? |\()["']map["']/i : new RegExp(`["']${name}["']`);

const implementations = [
  ["backends", backends.names(), anywhere],
  ["engines", engines.names(), anywhere],
  ["executors", executors.names(), anywhere],
  ["tasks", tasks.names(), word],
  ["metrics", metricNames(), quoted],
] as const;

test.each(implementations)("no core file names one of the %s", (_kind, names, patternOf) => {
  expect(names).not.toEqual([]);
  const found: string[] = [];
  for (const name of names) {
    const pattern = patternOf(name);
    for (const path of core) {
      if (exceptions[path]?.includes(name)) continue;
      const lines = readFileSync(join(runner, path), "utf8").split("\n");
      lines.forEach((line, at) => {
        if (pattern.test(line)) found.push(`${path}:${at + 1}: ${line.trim()}`);
      });
    }
  }
  expect(found).toEqual([]);
});

test("the scan covers the core", () => {
  expect(core).toEqual(expect.arrayContaining(["main.ts", "pipeline/steps/train.ts", "setup/doctor.ts"]));
});
