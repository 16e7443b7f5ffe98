import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpuTime } from "../../testing/cpu-time.ts";
import { splitLabels } from "./split.ts";
import { parseGroups, parseSynonyms } from "./synonyms.ts";
import { viewLabels, viewOf, views } from "./views.ts";

const source = (text: string) => ({ path: "synonyms.yaml", text });
const synonymsOf = (text: string) => {
  const result = parseSynonyms(source(text));
  if (!result.ok) throw new Error(result.diagnostics.map(({ code }) => code).join(" "));
  return result.value;
};
const codes = (text: string) => {
  const result = parseSynonyms(source(text));
  return result.ok
    ? []
    : result.diagnostics.map(({ code, span }) => `${code} at ${JSON.stringify(text.slice(span.start, span.end))}`);
};

describe("a text is split into labels", () => {
  const cases: [string, string, string[]][] = [
    [" a , b,,a ,", ",", ["a", "b"]],
    ["Fracture (T12, L1), b", ",", ["Fracture (T12, L1)", "b"]],
    ["open (left, b", ",", ["open (left", "b"]],
    ["crossed (a, [b), c]", ",", ["crossed (a", "[b)", "c]"]],
    ["a | b", "|", ["a", "b"]],
    ["a, and b", "", ["a, and b"]],
    ["", ",", []],
  ];
  it.each(cases)("%j by %j", (text, separator, labels) => expect(splitLabels(text, separator)).toEqual(labels));
});

describe("basic view", () => {
  const basic = viewOf("basic");
  const cases: [string, string][] = [
    [" Renal   CYST. ", "renal cyst"],
    ["Straße", "strasse"],
    ["STRASSE", "strasse"],
    ["ΟΔΟΣ", "οδοσ"],
    ["ﬁbrosis", "fibrosis"],
    ["Ｃｙｓｔ", "cyst"],
    ["a\u00a0\tb", "a b"],
    ["cafe\u0301", "café"],
    ["cyst?!…", "cyst"],
    ["…", "..."],
    ["?", "?"],
    ["\u202bسلبي\u202c\u200f", "سلبي"],
  ];
  it.each(cases)("%j is %j", (label, form) => expect(basic(label)).toBe(form));
});

describe("canonical view", () => {
  const canonical = viewOf(
    "canonical",
    synonymsOf(`
qualifiers: ["(possible)", probable]
synonyms:
  Cholelithiasis: [gallstone, Gallstones, "biliary calculus"]
  Renal cyst: [kidney cyst, no, 1e-7]
  kidney cyst: [cyst of kidney]
  Sure thing: [probable thing]
`),
  );
  const cases: [string, string][] = [
    ["Gallstones (possible)", "cholelithiasis"],
    ["Probable Hernia.", "hernia"],
    ["probable hernia (possible)", "hernia"],
    ["probable", "probable"],
    ["improbable hernia", "improbable hernia"],
    ["Cyst of kidney", "renal cyst"],
    ["No", "renal cyst"],
    ["1e-7", "renal cyst"],
    ["probable thing", "sure thing"],
  ];
  it.each(cases)("%j is %j", (label, form) => expect(canonical(label)).toBe(form));
});

describe("a synonym file is refused", () => {
  const cases: [string, string, string[]][] = [
    ["with a variant under two names", "synonyms: {a: [x], b: [X.]}", ['synonym-twice at "X."']],
    ["with a cycle", "synonyms: {a: [b], b: [a]}", ['synonym-cycle at "b"']],
    ["with a cycle over a qualifier", "qualifiers: [maybe]\nsynonyms: {maybe a: [a]}", ['synonym-cycle at "a"']],
    ["with an unknown key", "synonym: {a: [b]}", ['unknown-key at "synonym"']],
    ["of another shape", "[a]", ['not-a-map at "[a]"']],
    ["with a text for a list", "synonyms: {a: b}", ['not-a-list at "b"']],
    ["with a map for a label", "synonyms: {a: [{b: c}]}", ['not-a-label at "{b: c}"']],
  ];
  it.each(cases)("%s", (_, text, expected) => expect(codes(text)).toEqual(expected));
  it("with a name twice", () => expect(codes("synonyms: {a: [b], a: [c]}")).toEqual(['yaml at "a"']));
  it("but not when it is empty", () => expect(synonymsOf("# none yet\n").canonical("A.")).toBe("a"));
});

it("many names, and many variants of a name, take a time that is proportional to them", () => {
  const names = (count: number): string => Array.from({ length: count }, (_, at) => `  l${at}: [v${at}]\n`).join("");
  const variants = (count: number): string =>
    `  l: [${Array.from({ length: count }, (_, at) => `v${at}`).join(", ")}]\n`;
  for (const make of [names, variants]) {
    const seconds = (count: number): number => {
      const before = cpuTime();
      synonymsOf(`synonyms:\n${make(count)}`);
      return cpuTime() - before;
    };
    seconds(1000);
    // 16 times as many: quadratic time would be 256 times as long.
    expect(seconds(16_000) / seconds(1000)).toBeLessThan(80);
  }
});

it("groups are by basic form", () => {
  const result = parseGroups(source("Kidney: [Renal cyst, Stone]\nBiliary: [stone]\n"));
  expect(result.ok && Object.fromEntries(result.value)).toEqual({
    "renal cyst": ["Kidney"],
    stone: ["Kidney", "Biliary"],
  });
});

it("every view is idempotent", () => {
  const synonyms = synonymsOf("qualifiers: [maybe, '(x)']\nsynonyms: {a: [b, 'maybe c'], c: [d]}");
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("a", "b", "maybe", " ", "(x)", "d", ".", "ſ", "İ", "ß", "ǰ", "\u0345"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(fc.array(text), fc.constantFrom(...views), (labels, view) => {
      const of = viewOf(view, synonyms);
      const once = viewLabels(labels, of);
      expect(viewLabels(once, of)).toEqual(once);
    }),
    { numRuns: process.env.EXP_FAULTS === undefined ? 1000 : 50_000 },
  );
});
