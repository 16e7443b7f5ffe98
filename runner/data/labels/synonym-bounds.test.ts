import { expect, test } from "vitest";
import { cpuTime } from "../../testing/cpu-time.ts";
import { parseSynonyms } from "./synonyms.ts";

const codes = (text: string): readonly string[] => {
  const result = parseSynonyms({ path: "synonyms.yaml", text });
  return result.ok ? [] : result.diagnostics.map(({ code }) => code);
};

test.each([
  ["brackets", `synonyms: ${"[".repeat(500_000)}`],
  ["braces", `synonyms: ${"{a: ".repeat(200_000)}`],
  ["dashes", `synonyms:\n  ${"- ".repeat(300_000)}`],
])("deep nesting of %s is an error", (_, text) => {
  expect(codes(text)).toEqual(["too-deep"]);
});

test("many qualifiers and variants are refused before they are compared", () => {
  const qualifiers = Array.from({ length: 50_000 }, (_, at) => `q${at}`).join(", ");
  const variants = Array.from({ length: 50_000 }, (_, at) => `v${at}`).join(", ");
  const started = cpuTime();
  expect(codes(`qualifiers: [${qualifiers}]\nsynonyms: {a: [${variants}]}\n`)).toEqual(["too-many-qualifiers"]);
  expect(cpuTime() - started).toBeLessThan(20_000);
});

test("a chain of ten thousand synonyms is followed in bounded time", () => {
  const links = Array.from({ length: 10_000 }, (_, at) => `  s${at}: [s${at + 1}]`);
  const started = cpuTime();
  expect(codes(`synonyms:\n${links.join("\n")}\n`)).toEqual([]);
  const reversed = parseSynonyms({ path: "synonyms.yaml", text: `synonyms:\n${links.toReversed().join("\n")}\n` });
  expect(reversed.ok && reversed.value.canonical("S9999")).toBe("s0");
  expect(cpuTime() - started).toBeLessThan(20_000);
});

test("aliases are labels of no list, and expand to nothing", () => {
  expect(codes("synonyms:\n  a: &x [b]\n  c: *x\n")).toEqual(["not-a-list"]);
});
