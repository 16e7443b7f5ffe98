import { describe, expect, it } from "vitest";
import { english, parseLexicon } from "../../data/labels/lexicon.ts";
import { mentionFinder } from "./mentions.ts";

const names = new Map([
  ["kidney stone", ["kidney stone", "nephrolithiasis"]],
  ["renal cyst", ["renal cyst", "kidney cyst"]],
  ["bladder stone", ["bladder stone", "bladder calculus"]],
  ["hernia", ["hernia"]],
]);
const finder = mentionFinder(english, names, []);
const found = (text: string, label: string) =>
  finder.find(text, label).map(({ status, sentence, name, trigger }) => ({
    status,
    name: sentence.slice(name.start, name.end),
    trigger: trigger && sentence.slice(trigger.start, trigger.end),
  }));
const status = (text: string, label = "hernia") => finder.find(text, label).map((one) => one.status);

describe("a mention", () => {
  it("has all words of a name in one clause, and words that synonyms make equal", () => {
    expect(found("Stones in the left kidney.", "kidney stone")).toEqual([
      { status: "affirmed", name: "Stones in the left kidney", trigger: null },
    ]);
    expect(found("A renal calculus.", "kidney stone")).toMatchObject([{ name: "renal calculus" }]);
    expect(found("Both kidneys are normal; a stone in the bladder.", "kidney stone")).toEqual([]);
    expect(found("The kidney lies next to a large and old bladder stone.", "kidney stone")).toEqual([]);
  });
  it("has the status of a phrase in its clause", () => {
    expect(found("No hernia or renal cyst.", "renal cyst")).toEqual([
      { status: "negated", name: "renal cyst", trigger: "No" },
    ]);
    expect(status("Hernia not seen.")).toEqual(["negated"]);
    expect(status("No mass but a hernia.")).toEqual(["affirmed"]);
    expect(status("No mass; a hernia.")).toEqual(["affirmed"]);
    expect(status("A hernia. No mass.")).toEqual(["affirmed"]);
    expect(status("Hernia suspected.")).toEqual(["hedged"]);
    expect(status("No hernia. Status post repair of a hernia.")).toEqual(["negated", "past"]);
  });
  it("has the status of the longest phrase, and of a past one before others", () => {
    expect(status("Hernia cannot be excluded.")).toEqual(["hedged"]);
    expect(status("No change of the hernia.")).toEqual(["affirmed"]);
    expect(status("The hernia of the prior study is not seen.")).toEqual(["past"]);
  });
  it("is past in a sentence of the history", () => {
    expect(found("Clinical history: hernia.", "hernia")).toEqual([
      { status: "past", name: "hernia", trigger: "Clinical history" },
    ]);
    expect(status("Abdominal wall: hernia.")).toEqual(["affirmed"]);
  });
  it("follows the lexicon of a study", () => {
    const german = parseLexicon({ path: "lexicon.yaml", text: "negated: {before: [kein, keine]}" });
    if (!german.ok) throw new Error("invalid");
    const own = mentionFinder(german.value, new Map([["zyste", ["Zyste"]]]), []);
    expect(own.find("Keine Zyste. No Zyste.", "zyste").map((one) => one.status)).toEqual(["negated", "affirmed"]);
  });
});

describe("a learned name", () => {
  const rows = [
    ...Array.from({ length: 4 }, () => ({ input: "Free fluid in the pelvis.", labels: ["ascites"] })),
    ...Array.from({ length: 4 }, () => ({ input: "No free fluid.", labels: [] })),
  ];
  const learned = mentionFinder(english, new Map([["ascites", ["ascites"]]]), rows);
  it("is what texts negate and, where they affirm it, comes with the label", () => {
    expect(learned.find("No mass or free fluid.", "ascites").map((one) => one.status)).toEqual(["negated"]);
    expect(learned.find("No pelvis.", "ascites")).toEqual([]);
  });
  it("differs from words that often come with the label", () => {
    expect(learned.hasUsualWording("Fluid in the pelvis.", "ascites")).toBe(true);
    expect(learned.hasUsualWording("No fluid in the pelvis.", "ascites")).toBe(false);
  });
});
