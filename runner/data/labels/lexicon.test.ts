import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { english, parseLexicon } from "./lexicon.ts";

const parse = (text: string) => parseLexicon({ path: "lexicon.yaml", text });

describe("a lexicon file", () => {
  it("equals the English lexicon with the text of the documentation", () => {
    const page = readFileSync(new URL("../../../docs/explanation/error-analysis.md", import.meta.url), "utf8");
    const text = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
    expect(parse(text)).toEqual({ ok: true, value: english, warnings: [] });
  });
  it("may leave out lists", () => {
    const none = { before: [], after: [] };
    expect(parse("negated: {before: [kein, keine]}")).toMatchObject({
      value: { negated: { before: ["kein", "keine"], after: [] }, past: none, hedged: none, pseudo: [] },
    });
  });
  it("has no other keys and shapes", () => {
    const codes = (text: string) => {
      const result = parse(text);
      return result.ok ? [] : result.diagnostics.map(({ code }) => code);
    };
    expect(codes("- no")).toEqual(["not-a-map"]);
    expect(codes("negated: [no]")).toEqual(["not-a-map"]);
    expect(codes("negated: {before: no}")).toEqual(["not-a-list"]);
    expect(codes("negated: {around: [no]}\nnegation: {}")).toEqual(["unknown-key", "unknown-key"]);
  });
});
