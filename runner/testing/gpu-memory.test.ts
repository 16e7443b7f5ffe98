import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { trainingMemory } from "../pipeline/estimate/memory.ts";
import type { Range } from "../pipeline/estimate/range.ts";
import { knownShape, type Shape } from "../plugins/model-shape.ts";
import { environmentDir } from "../setup/cache.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const methods = ["lora", "dora", "qlora", "full"] as const;
type Method = (typeof methods)[number];
type Traced = Readonly<
  Record<Method, Readonly<Record<"setup" | "step" | "validation" | "answers" | "resume", number>>>
>;
const length = 1024;

/** Trainings of a model of this shape on a fake GPU, which checks devices and dtypes: the peak of each phase. */
function trace(config: Shape): Traced {
  const request = JSON.stringify({ config, methods, length, batch: 1 });
  const output = execFileSync(
    join(environmentDir("torchtune"), "bin/python"),
    ["-m", "recipes.torchtune.trace", request],
    {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  return JSON.parse(output) as Traced;
}

/** The estimate of the same training, without CUDA's context, which a fake GPU lacks. */
function estimate(shape: Shape, method: Method): Range {
  const [low, high] = trainingMemory(shape, {
    ...{ device: "cuda", method, precision: "bf16", rank: 16, targets: "all-linear", batch: [1, 1] },
    ...{ length: [length, length], checkpointing: "always", allLogits: false, conversion: [8, 14] },
  }).device;
  return [low - 0.3e9, high - 0.9e9];
}

const soak = process.env.EXP_SOAK !== undefined;
const cases: readonly (readonly [size: string, blocks: number])[] = soak
  ? [
      ["4B", 36],
      ["8B", 36],
    ]
  : [["4B", 1]];
const rows: string[] = [];

it.each(cases)(
  "the estimate contains the memory of a training of Qwen3-%s with %i blocks on a fake GPU",
  (size, blocks) => {
    const shape: Shape = { ...(knownShape(`Qwen/Qwen3-${size}`) as Shape), num_hidden_layers: blocks };
    const traced = trace(shape);
    for (const method of methods) {
      const { resume, ...phases } = traced[method];
      const peak = Math.max(...Object.values(phases));
      const range = estimate(shape, method);
      expect(resume, method).toBeLessThanOrEqual(peak);
      expect(range[0], method).toBeLessThanOrEqual(peak);
      // With one block, the gradient of the embeddings and the largest matrix are a large part of the whole.
      expect(range[0], method).toBeGreaterThan((blocks === 1 ? 0.7 : 0.85) * peak);
      expect(range[1], method).toBeGreaterThanOrEqual(peak);
      const gb = (bytes: number) => (bytes / 1e9).toFixed(2);
      rows.push(`| ${size} ${method} | ${gb(peak)} | ${range.map(gb).join("-")} | ${(range[0] / peak).toFixed(2)} |`);
    }
    if (soak && rows.length === cases.length * methods.length) write();
  },
  3_600_000,
);

/** Writes the table of the page on estimates. */
function write(): void {
  const page = join(root, "docs/explanation/estimates.md");
  const table = ["| training | peak, GB | estimate, GB | low end / peak |", "|---|---|---|---|", ...rows].join("\n");
  const [start, end] = ["<!-- traced -->", "<!-- /traced -->"];
  const text = readFileSync(page, "utf8");
  const at = text.indexOf(start) + start.length;
  writeFileSync(page, `${text.slice(0, at)}\n${table}\n${text.slice(text.indexOf(end))}`);
}
