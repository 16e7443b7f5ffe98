import { expect, it } from "vitest";
import { cpuTime } from "../testing/cpu-time.ts";
import { parseSynonyms } from "./labels/synonyms.ts";
import { similarPairs } from "./similar-labels.ts";
import { proposalYaml, suggestSynonyms } from "./suggest-synonyms.ts";

const cases: [string, string, string | undefined][] = [
  ["renal cyst", "renal cysts", "plural"],
  ["liver metastasis", "liver metastases", "plural"],
  ["renal calculus", "renal calculi", "plural"],
  ["renal mass", "renal masses", "plural"],
  ["adenopathy", "adenopathies", "plural"],
  ["cyst of kidney", "kidney of cyst", "word order"],
  ["gallbladder polyp", "gall bladder polyp", "spelling"],
  ["pleural effusion", "plerual effusion", "spelling"],
  ["haemangioma", "hemangioma", "spelling"],
  ["cbd stone", "common bile duct stone", "abbreviation"],
  ["hcc", "hepato cellular carcinoma", "abbreviation"],
  ["t11 fracture", "t12 fracture", undefined],
  ["renal cyst", "adrenal cyst", undefined],
  ["diverticulosis", "diverticulitis", undefined],
  ["hypotension", "hypertension", undefined],
  ["liver cyst", "renal cyst", undefined],
  ["ileus", "ileum", "spelling"],
];
it.each(cases)("%s, %s: %s", (a, b, reason) => {
  expect(similarPairs([a, b]).map((pair) => pair.reason)).toEqual(reason === undefined ? [] : [reason]);
});

it("proposals are a synonym file: each variant once, under the most frequent name; what the study maps already is left out", () => {
  const known = parseSynonyms({ path: "known.yaml", text: "synonyms: {Gallstone: [Gallstones]}" });
  if (!known.ok) throw new Error("known.yaml is wrong");
  const counts = Object.entries({
    "Renal cyst": 9,
    "renal cysts": 4,
    "Renall cyst": 2,
    Gallstone: 5,
    Gallstones: 3,
    "Gall stone": 1,
    'Odd: "x"': 2,
    'Odd: "xs"': 1,
  });
  const proposals = suggestSynonyms(
    counts.map(([label, count]) => ({ label, count })),
    known.value,
  );
  const yaml = proposalYaml(proposals, { name: "s", labels: counts.length });
  const parsed = parseSynonyms({ path: "new.yaml", text: yaml });
  if (!parsed.ok) throw new Error(yaml);
  for (const label of ["renal cysts", "Renall cyst"]) expect(parsed.value.canonical(label)).toBe("renal cyst");
  expect(parsed.value.canonical("Gall stone")).toBe("gallstone");
  expect(yaml).not.toContain("Gallstones");
  expect(yaml).toContain("- Renall cyst  # 2, spelling");
});

it("no proposals are a file too", () => {
  const parsed = parseSynonyms({ path: "new.yaml", text: proposalYaml([], { name: "s", labels: 0 }) });
  expect(parsed.ok).toBe(true);
});

it("compares spellings of many labels with one beginning in bounded time", () => {
  const labels = Array.from({ length: 20_000 }, (_, at) => `finding ${String.fromCharCode(97 + (at % 26))} ${at}`);
  const started = cpuTime();
  expect(similarPairs([...labels, "liver cyst", "liver cysts"])).toEqual([
    { a: "liver cyst", b: "liver cysts", reason: "plural" },
  ]);
  expect(cpuTime() - started).toBeLessThan(20_000);
});

it.each(["ab-", "* ", "and ", "1) "])("a label of 60,000 characters like %j is compared in linear time", (unit) => {
  const started = cpuTime();
  expect(similarPairs([unit.repeat(60_000 / unit.length), "cbd stone", "common bile duct stone"])).toHaveLength(1);
  expect(cpuTime() - started).toBeLessThan(5_000);
});
