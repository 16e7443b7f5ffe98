/** The Colab notebook: its form in the repository, and its execution on the CPU with other parameters. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "vitest";
import { environmentDir } from "../setup/cache.ts";
import { namesIn } from "../util/names-in.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const path = join(clone, "notebooks/colab.ipynb");

type Cell = {
  readonly cell_type: "code" | "markdown";
  readonly id: string;
  readonly metadata: { readonly tags?: readonly string[] };
  readonly source: readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
};

test("the notebook has one parameter cell, no outputs, and no paths except Colab's", () => {
  const text = readFileSync(path, "utf8");
  const { cells, nbformat } = JSON.parse(text) as { cells: readonly Cell[]; nbformat: number };
  expect(nbformat).toBe(4);
  expect(text.endsWith("}\n")).toBe(true);
  const code = cells.filter(({ cell_type }) => cell_type === "code");
  for (const { id, outputs, execution_count } of code) expect([id, outputs, execution_count]).toEqual([id, [], null]);
  const [first, ...others] = code.map(({ metadata }) => metadata.tags ?? []);
  expect(first).toEqual(["parameters"]);
  expect(new Set(others.flat())).toEqual(new Set());
  expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
  for (const [index, { cell_type }] of cells.entries()) expect(cell_type).toBe(index % 2 === 0 ? "markdown" : "code");
  const paths = text.match(/(?<![\w.{}])\/(?:home|root|tmp|Users|work|content)\/[\w./-]*/g) ?? [];
  expect(paths.filter((one) => !one.startsWith("/content/"))).toEqual([]);
  const experiment = /experiment = \\"(.*?)\\"/.exec(text)?.[1] ?? "";
  expect(existsSync(join(clone, experiment)), experiment).toBe(true);
  expect(text).not.toMatch(/https?:|hf_[A-Za-z0-9]{8}/);
});

test("the notebook runs from the first cell to the last and fine-tunes the quickstart for a few steps", async ({
  rig,
}) => {
  const folder = rig.path("clone");
  mkdirSync(folder);
  for (const name of ["experiments", "prompts", "package.json"]) {
    cpSync(join(clone, name), join(folder, name), { recursive: true });
  }
  // A study outside a clone of exp, which npm has installed there.
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(rig.package, join(folder, "node_modules/exp-study"));
  const mirror = rig.path("drive/exp");
  const experiment = "experiments/quickstart.yaml";
  const flags = "--smoke --set train.batch_size=1 --set data.test.limit=4 --set generate.max_new_tokens=8";
  const parameters = { experiment, mirror, repo: "", folder, environments: "torchtune", flags };
  const python = join(environmentDir("torchtune"), "bin/python");
  const { stdout: output } = await promisify(execFile)(
    python,
    [fileURLToPath(new URL("notebook.py", import.meta.url)), path, rig.folder, JSON.stringify(parameters)],
    { maxBuffer: 64 << 20, env: { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env.PATH}` } },
  );
  expect(output).toMatch(/^run [0-9a-f]{8} {2}done: .*quickstart\+smoke/m);
  expect(output).toMatch(/\b20 rows and 5 .*steps\b/);
  expect(output).toMatch(/^micro_f1 /m);
  const [run = ""] = namesIn(join(mirror, "results/quickstart+smoke"));
  const copied = namesIn(join(mirror, "results/quickstart+smoke", run));
  expect(copied).toEqual(expect.arrayContaining(["manifest.json", "workbook.xlsx", "tuned", "zero_shot"]));
  expect(namesIn(join(mirror, "keys")).length).toBeGreaterThan(8);
}, 900_000);
