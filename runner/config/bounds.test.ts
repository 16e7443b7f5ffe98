import { expect, test } from "vitest";
import { cpuTime } from "../testing/cpu-time.ts";
import { formatDiagnostics } from "../util/code-frame.ts";
import { loadText } from "./rig.ts";

const base = "extends: base.yaml\nname: x\n";
const codesOf = (text: string): readonly string[] => {
  const result = loadText(text);
  return (result.ok ? result.warnings : result.diagnostics).map(({ code }) => code);
};

test("thousands of unknown keys are reported in bounded time, and the first ones are listed", () => {
  const keys = Array.from({ length: 20_000 }, (_, at) => `k${at}: 1\n`).join("");
  for (const text of [`${base}${keys}`, `${base}train:\n${keys.replaceAll("k", "  k")}`]) {
    const started = cpuTime();
    const result = loadText(text);
    if (result.ok) throw new Error("loaded");
    expect(result.diagnostics.length).toBeLessThan(110);
    expect(result.diagnostics.at(-1)?.code).toBe("more-errors");
    expect(formatDiagnostics(result.diagnostics)).toContain("unknown-key");
    expect(cpuTime() - started).toBeLessThan(20_000);
  }
});

test("thousands of repeated keys, and a line of tabs, are reported in bounded time", () => {
  const started = cpuTime();
  const repeated = loadText(`${base}${"z: 1\n".repeat(40_000)}`);
  const tabs = loadText("\t".repeat(200_000));
  if (repeated.ok || tabs.ok) throw new Error("loaded");
  expect(repeated.diagnostics.length).toBeLessThan(110);
  expect(repeated.diagnostics.at(-1)?.code).toBe("more-errors");
  expect(formatDiagnostics(repeated.diagnostics)).toContain("duplicate-key");
  expect(formatDiagnostics(tabs.diagnostics)).toContain("empty-file");
  expect(cpuTime() - started).toBeLessThan(20_000);
});

test("more resamples than memory holds are refused", () => {
  expect(codesOf(`${base}evaluate: {bootstrap: {resamples: 1000000000}}\n`)).toEqual(["out-of-range"]);
});

test("unknown keys at every point of a sweep are reported once, in bounded time", () => {
  const keys = Array.from({ length: 500 }, (_, at) => `k${at}: 1\n`).join("");
  const seeds = Array.from({ length: 5000 }, (_, at) => at).join(", ");
  const started = cpuTime();
  const codes = codesOf(`${base}${keys}sweep: {grid: {train.seed: [${seeds}]}}\n`);
  expect(codes.at(-1)).toBe("more-errors");
  expect(codes.length).toBeLessThan(110);
  expect(cpuTime() - started).toBeLessThan(20_000);
});

test("long texts at many points of a sweep are refused", () => {
  const seeds = Array.from({ length: 5000 }, (_, at) => at).join(", ");
  const text = `${base}sweep: {grid: {train.seed: [${seeds}], prompt.template: [${"a".repeat(100_000)}, ${"b".repeat(100_000)}]}}\n`;
  const started = cpuTime();
  expect(codesOf(text)).toEqual(["sweep-too-large"]);
  expect(cpuTime() - started).toBeLessThan(5_000);
});

test("few errors are all listed", () => {
  const codes = codesOf(`${base}a1: 1\na2: 1\na3: 1\n`);
  expect(codes).toEqual(["unknown-key", "unknown-key", "unknown-key"]);
});
