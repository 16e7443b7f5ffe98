import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpuTime } from "../testing/cpu-time.ts";
import { parse } from "./document.ts";
import { find, locate, plain } from "./node.ts";
import { sourceText } from "./source.ts";

const read = (text: string): unknown => {
  const result = parse({ path: "x.yaml", text });
  return result.ok ? plain(result.value.root) : result.diagnostics.map(({ code, span }) => `${code}@${span.start}`);
};

describe("YAML 1.2", () => {
  it("reads numbers, booleans and texts by the core schema", () => {
    expect(read("a: 1e-7\nb: no\nc: 0x10\nd: true\ne: 012\nf: 1_000\ng: ~")).toEqual({
      a: 1e-7,
      b: "no",
      c: 16,
      d: true,
      e: 12,
      f: "1_000",
      g: null,
    });
  });
  it("keeps keys as they are written", () =>
    expect(read("1: a\ntrue: b\n1.0: c")).toEqual({ 1: "a", true: "b", "1.0": "c" }));
  it("drops a byte-order mark and takes Windows line ends", () => {
    const source = sourceText("x.yaml", new TextEncoder().encode("\ufeffa: 1\r\nb: 2\r\n"));
    expect(source.ok && read(source.value.text)).toEqual({ a: 1, b: 2 });
  });
  it("expands aliases", () => expect(read("a: &x {k: 1}\nb: *x")).toEqual({ a: { k: 1 }, b: { k: 1 } }));
});

describe("a file is refused for", () => {
  const cases: Record<string, [string, string[]]> = {
    nothing: ["", ["empty-file@0"]],
    "only a comment": ["# hello\n", ["empty-file@0"]],
    "a list at the top": ["- a\n- b", ["not-a-map@0"]],
    "a text at the top": ["hello", ["not-a-map@0"]],
    "a duplicate key, at both places": ["a: 1\nb: 2\na: 3", ["duplicate-key@10", "duplicate-key@0"]],
    "a prototype": ["a: {__proto__: {x: 1}}", ["bad-key@4"]],
    "a merge key": ["a: &x {k: 1}\nb: {<<: *x}", ["merge-key@17"]],
    "a tag": ["a: !!python/object:os.system {}", ["custom-tag@29"]],
    "two documents": ["a: 1\n---\nb: 2", ["yaml-syntax@5"]],
    "an alias without anchor": ["a: *x", ["bad-alias@3"]],
    "an alias inside its anchor": ["a: &x [*x]", ["bad-alias@7"]],
    "a key that is a map": ["? {a: 1}\n: b", ["bad-key@2"]],
    "a map without its end, on its line": ["a: {b: 1\nc: 2\nd: 3", ["yaml-syntax@3"]],
    "a list without its end, in a map": ["a:\n  b: [1, {c: 2}\nd: 3", ["yaml-syntax@8"]],
    infinity: ["a: .inf\nb: .nan", ["bad-number@3", "bad-number@11"]],
    "a number with too many digits": ["a: 12345678901234567890", ["bad-number@3"]],
  };
  for (const [name, [text, codes]] of Object.entries(cases)) it(name, () => expect(read(text)).toEqual(codes));

  it("tabs as indentation", () => expect(read("a:\n\tb: 1")).toContainEqual(expect.stringMatching(/^yaml-syntax/)));
  it("wrong indentation", () =>
    expect(read("a:\n  b: 1\n c: 2")).toContainEqual(expect.stringMatching(/^yaml-syntax/)));
  it("bytes that are not UTF-8", () => {
    const source = sourceText("x.yaml", new Uint8Array([0x61, 0x3a, 0x20, 0xe4, 0x0a]));
    expect(source).toMatchObject({ ok: false, diagnostics: [{ code: "not-utf8" }] });
  });
  it("more than 256 KiB", () => {
    const source = sourceText("x.yaml", new Uint8Array(300 * 1024).fill(0x20));
    expect(source).toMatchObject({ ok: false, diagnostics: [{ code: "file-too-large" }] });
  });
  it("aliases that expand exponentially", () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `l${index}: &l${index} [${"*l".concat(`${index - 1},`).repeat(9)}]`,
    );
    levels[0] = 'l0: &l0 ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]';
    const started = cpuTime();
    expect(read(levels.join("\n"))).toEqual([expect.stringMatching(/^too-many-values/)]);
    expect(cpuTime() - started).toBeLessThan(2_000);
  });
  it("very deep nesting", () => {
    expect(read(`a: ${"[".repeat(60)}${"]".repeat(60)}`)).toContainEqual(expect.stringMatching(/^too-deep/));
    for (const open of ["[", "{", "- ", "? ", "[{a: ", "- ? "]) {
      expect(read(open.repeat(40_000))).toEqual([expect.stringMatching(/^too-deep/)]);
    }
  });
});

it("any text is read or refused without an exception", () => {
  const yamlLike = fc.array(fc.constantFrom(..."ab:-[]{}&*!|>?'\"#,%@ \n\t0.1", "? ", "- ", ": ", "&a ", "*a", "<<"), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        yamlLike.map((parts) => parts.join("")),
      ),
      (text) => {
        const result = parse({ path: "x.yaml", text });
        if (!result.ok) {
          expect(result.diagnostics.length).toBeGreaterThan(0);
          for (const { span } of result.diagnostics) expect(span.start).toBeLessThanOrEqual(text.length + 1);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

it("locates each part of a value", () => {
  const text = "a:\n  b: [1, two]\n  c:\n";
  const result = parse({ path: "x.yaml", text });
  if (!result.ok) throw new Error("not read");
  const { root } = result.value;
  const at = (path: string[], part?: "key") => {
    const { start, end } = locate(root, path, part);
    return text.slice(start, end);
  };
  expect(at(["a", "b", "1"])).toBe("two");
  expect(at(["a", "b"], "key")).toBe("b");
  expect(at(["a", "c"])).toBe("c");
  expect(at(["a", "x", "y"])).toBe("a");
  expect(find(root, ["a", "b", "7"])).toBeUndefined();
});
