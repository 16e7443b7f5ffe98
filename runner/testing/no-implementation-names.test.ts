/** Core code reads the registries: it contains the name of no implementation, so that a new one needs no change in core. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors } from "../plugins/executors/registry.ts";
import { tasks } from "../plugins/tasks/registry.ts";

const runner = fileURLToPath(new URL("..", import.meta.url));

/** Names that are also ordinary words, Python packages or hosts: only a quoted literal counts as the name. */
const words = new Set(["replay", "local", "transformers", "text", "json", "accuracy", "precision", "recall"]);

/** Literals that equal a name but mean something else, by file. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  // The `library_name` of a model card on the Hugging Face hub.
  "publishing/release/model-card.ts": ["transformers"],
  // The origin of a model: a folder of this machine.
  "pipeline/steps/fetch.ts": ["local"],
  "project/site.ts": ["local"],
  "plugins/site.ts": ["local"],
};

/** Core: every source file except implementations, their registration and tests. */
const core = readdirSync(runner, { recursive: true, encoding: "utf8" }).filter(
  (path) =>
    /\.(ts|mjs)$/.test(path) &&
    !/(\.test|test-rig)\.ts$/.test(path) &&
    !/^(testing|templates|schemas)\//.test(path) &&
    !/^plugins\/[^/]+\/[^/]+\//.test(path) &&
    path !== "plugins/built-in.ts",
);

const registries = { backends, engines, executors, tasks };

test.each(Object.entries(registries))("no core file names one of the %s", (_kind, registry) => {
  const found: string[] = [];
  for (const name of registry.names()) {
    const pattern = words.has(name) ? new RegExp(`["'\`]${name}["'\`]`) : new RegExp(`\\b${name}\\b`, "i");
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
