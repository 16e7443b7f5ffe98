import { expect, it } from "vitest";
import { mergeSynonyms } from "./merge-synonyms.ts";
import { parseSynonyms } from "./synonyms.ts";

const source = (text: string, path = "synonyms.yaml") => ({ path, text });
const merged = (file: string, accepted: string) => mergeSynonyms(source(file), source(accepted, "accepted.yaml"));

it("adds variants to old and new names, keeps comments, and adds nothing twice", () => {
  const file =
    "# Ours.\nqualifiers: [possible]\nsynonyms:\n  Kidney stone: [renal stone]  # agreed\n  Cyst:\n    - cysts\n";
  const accepted =
    "synonyms:\n  kidney stone:  # 9\n    - Nephrolithiasis  # 4, near-synonym\n    - Renal Stone\n  No: [1e-7]\n";
  const result = merged(file, accepted);
  if (!result.ok) throw new Error("refused");
  const { text, added } = result.value;
  expect(added).toBe(2);
  expect(text).toContain("# Ours.");
  expect(text).toContain("# agreed");
  const parsed = parseSynonyms(source(text));
  if (!parsed.ok) throw new Error("refused");
  const { canonical } = parsed.value;
  expect(["nephrolithiasis", "renal stone", "1e-7", "cysts"].map(canonical)).toEqual([
    "kidney stone",
    "kidney stone",
    "no",
    "cyst",
  ]);
  const again = merged(text, accepted);
  expect(again).toMatchObject({ ok: true, value: { text, added: 0 } });
});

it("starts an empty file, and refuses a variant of two names and a cycle", () => {
  expect(merged("", "synonyms: {a: [b]}")).toMatchObject({ ok: true, value: { added: 1 } });
  expect(merged("synonyms: {a: [b]}", "synonyms: {c: [b]}")).toMatchObject({
    ok: false,
    diagnostics: [{ code: "synonym-twice" }],
  });
  expect(merged("synonyms: {a: [b], c: [d]}", "synonyms: {b: [c], d: [a]}")).toMatchObject({ ok: false });
  expect(merged("synonyms: {}", "synonyms: [a]")).toMatchObject({ ok: false, diagnostics: [{ code: "not-a-map" }] });
});
