import { describe, expect, it } from "vitest";
import { formatDiagnostic, formatDiagnostics, positionOf, sortDiagnostics, toJson } from "./code-frame.ts";
import type { Diagnostic } from "./diagnostic.ts";

function at(text: string, mark: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const start = text.indexOf(mark);
  const span = { source: { path: "x.yaml", text }, start, end: start + mark.length };
  return { severity: "error", code: "unknown-key", message: "unknown key", span, ...more };
}

/** The text above the squiggle, as a terminal with columns would line it up. */
function marked(formatted: string): string {
  const lines = formatted.split("\n");
  const squiggle = lines.findIndex((line) => /\| +\^+$/.test(line) || /\| \^+$/.test(line));
  const line = lines[squiggle] as string;
  return (lines[squiggle - 1] as string).slice(line.indexOf("^"), line.lastIndexOf("^") + 1);
}

describe("a code frame", () => {
  it("is made from the part of a line of megabytes around the span", () => {
    const text = `${"a".repeat(20_000_000)}bad${"\t".repeat(20_000_000)}`;
    const before = process.memoryUsage().heapUsed;
    const frame = formatDiagnostic(at(text, "bad"));
    expect(marked(frame)).toBe("bad");
    expect(frame).toContain("x.yaml:1:20000001:");
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100e6);
  });
  it("shows file, line, column, code, the line before, a squiggle and the help", () => {
    const one = at("train:\n  rnak: 16\n", "rnak", { help: 'did you mean "rank"?' });
    expect(formatDiagnostic(one)).toBe(
      [
        "x.yaml:2:3: error[unknown-key]: unknown key",
        "  1 | train:",
        "  2 |   rnak: 16",
        "    |   ^^^^",
        '    = help: did you mean "rank"?',
      ].join("\n"),
    );
  });
  it("lines up below tabs, wide characters, marks and emoji", () => {
    expect(marked(formatDiagnostic(at("\ta:\tbad", "bad")))).toBe("bad");
    expect(formatDiagnostic(at("肝臓: bad", "bad")).split("\n").at(-1)).toBe("    |       ^^^");
    expect(formatDiagnostic(at("e\u0301: bad", "bad")).split("\n").at(-1)).toBe("    |    ^^^");
    expect(formatDiagnostic(at("😀: bad", "bad")).split("\n").at(-1)).toBe("    |     ^^^");
  });
  it("counts columns in characters", () =>
    expect(positionOf(at("😀: bad", "bad").span)).toEqual({ line: 1, column: 4 }));
  it("accepts all line ends", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      expect(positionOf(at(`a: 1${end}${end}bad`, "bad").span)).toEqual({ line: 3, column: 1 });
      expect(formatDiagnostic(at(`a: 1${end}bad: 2${end}`, "bad"))).toContain("  1 | a: 1\n  2 | bad: 2\n    | ^^^");
    }
  });
  it("marks only the first line of a longer span", () => {
    expect(formatDiagnostic(at("a: {b: 1,\n c: 2}", "{b: 1,\n c: 2}"))).toContain("  1 | a: {b: 1,\n    |    ^^^^^^");
  });
  it("cuts a long line around the span", () => {
    const formatted = formatDiagnostic(at(`a: [${"x, ".repeat(200)}bad, ${"y, ".repeat(200)}]`, "bad"));
    expect(marked(formatted)).toBe("bad");
    for (const line of formatted.split("\n")) expect(line.length).toBeLessThan(130);
  });
  it("escapes control characters", () => {
    const formatted = formatDiagnostic(at("a: \u001b[2Jbad\u202e", "bad", { message: "no \u001b[31m here" }));
    for (const char of ["\u001b", "\u202e"]) expect(formatted).not.toContain(char);
    expect(formatted).toContain("no \ufffd[31m here");
  });
  it("has colours only on request", () => {
    expect(formatDiagnostic(at("bad", "bad"), { color: true })).toContain("\u001b[1;31merror[unknown-key]\u001b[0m");
    expect(formatDiagnostic(at("bad", "bad", { severity: "warning" }), { color: true })).toContain(
      "\u001b[1;33mwarning",
    );
  });
  it("works without a source text", () => {
    const span = { source: { path: "x.yaml", text: "" }, start: 0, end: 0 };
    expect(formatDiagnostic(at("", "", { span, help: "look" }))).toBe(
      "x.yaml:1:1: error[unknown-key]: unknown key\n    = help: look",
    );
  });
  it("limits a span to the text", () => {
    const span = { source: { path: "x.yaml", text: "ab" }, start: 9, end: 12 };
    expect(formatDiagnostic(at("", "", { span }))).toContain("x.yaml:1:3:");
  });
});

describe("diagnostics", () => {
  const text = "a: 1\nb: 2\n";
  it("are sorted by file and position, without repetition", () => {
    const [first, second] = [at(text, "a"), at(text, "b")];
    const source = { path: "x.yaml", text };
    const [one, two] = [first, second].map((each) => ({ ...each, span: { ...each.span, source } })) as [
      Diagnostic,
      Diagnostic,
    ];
    expect(sortDiagnostics([two, one, two])).toEqual([one, two]);
  });
  it("have a JSON form", () => {
    expect(toJson(at(text, "b"))).toEqual({
      file: "x.yaml",
      line: 2,
      column: 1,
      severity: "error",
      code: "unknown-key",
      message: "unknown key",
      help: null,
    });
  });
  it("are separated by an empty line", () => {
    expect(formatDiagnostics([at(text, "a"), at(text, "b")]).split("\n\n")).toHaveLength(2);
  });
});
