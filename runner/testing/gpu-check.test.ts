import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../../bench/gpu-check.mjs", import.meta.url));

/** Runs the check in an empty folder, on a machine without nvidia-smi. */
function check(...args: string[]) {
  const cwd = mkdtempSync(join(tmpdir(), "exp-gpu-check-test-"));
  const env = { ...process.env, PATH: dirname(process.execPath) };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd, env, encoding: "utf8" });
  const rows = stdout
    .split("\n")
    .filter((line) => /^\| (?!check|-)/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return { cwd, status, stdout, stderr, rows };
}

it("without a GPU the check says so in one line and ends with 3", () => {
  const { status, stdout } = check();
  expect(status).toBe(3);
  expect(stdout.trim().split("\n")).toHaveLength(1);
});

it("checks that do not fit into the time are listed and count as failed", () => {
  const { cwd, status, stderr, rows } = check("--cpu", "--minutes", "0", "--backend", "torchtune", "--method", "lora");
  expect(status, stderr).toBe(1);
  expect(rows.map(([, what]) => what)).toEqual([
    "torchtune, lora",
    "merged model",
    "generation in 4 bit",
    "constrained answers",
    "vLLM",
    "vLLM, constrained answers",
  ]);
  expect(rows[0]?.[2]).toBe("not run: the time is up");
  expect(readFileSync(join(cwd, "gpu-check.md"), "utf8")).toContain("| torchtune, lora | not run");
});

it.skipIf(process.env.EXP_SOAK === undefined)(
  "a backend trains and all engines of this machine generate",
  () => {
    const { status, stderr, rows } = check("--cpu", "--minutes", "60", "--backend", "torchtune", "--method", "lora");
    expect(status, stderr).toBe(0);
    const done = rows.filter(([, , result]) => !result?.startsWith("not possible"));
    expect(done.map(([, , result]) => result)).toEqual(done.map(() => "ok"));
    for (const [, , , seconds, , precision, measured, estimated, speed] of done) {
      expect(Number(seconds) * Number(speed) * Number(measured)).toBeGreaterThan(0);
      expect(precision).toMatch(/bf16|fp32|4bit/);
      expect(estimated).toMatch(/^[\d.]+-[\d.]+$/);
    }
  },
  3_600_000,
);
