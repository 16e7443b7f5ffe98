import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createRandom } from "../../util/random.ts";
import { readTable } from "../table.ts";
import { isNearDuplicate } from "./near-duplicate.ts";
import { nearDuplicates } from "./near-pairs.ts";
import { nearest } from "./nearest.ts";
import { fitTfidf } from "./tfidf.ts";

const random = createRandom(7);
const text = (words: number): string[] => Array.from({ length: words }, () => `word${random.below(4000)}`);
const named = (pairs: readonly { readonly a: number; readonly b: number }[]) => pairs.map(({ a, b }) => `${a} ${b}`);

it("finds the same pairs as a comparison of all pairs", () => {
  const originals = Array.from({ length: 60 }, () => text(20 + random.below(120)));
  const texts = originals
    .flatMap((words) => {
      const changed = [...words];
      for (let edits = random.below(1 + words.length / 12); edits >= 0; edits--)
        changed[random.below(changed.length)] = "other";
      return [words, changed];
    })
    .map((words) => words.join(" "));
  const vectors = fitTfidf(texts)(texts);
  const all = nearest(vectors, vectors, texts.length, ({ row }, at) => row < at);
  const expected = all.flatMap((found, b) =>
    found
      .filter(({ row, cosine }) => isNearDuplicate(texts[row] as string, texts[b] as string, cosine))
      .map(({ row }) => `${row} ${b}`),
  );
  const found = nearDuplicates(texts);
  expect(expected.length).toBeGreaterThan(40);
  expect(named(found).sort()).toEqual(expected.sort());
  for (const { a, b, similarity } of found) {
    const cosine = all[b]?.find(({ row }) => row === a)?.cosine as number;
    expect(similarity >= 0.8 || Math.abs(similarity - cosine) < 1e-9).toBe(true);
  }
});

/** Distinct inputs of the shipped study, and edited copies of a hundred of them. */
async function editedReports() {
  const path = new URL("../../../experiments/data/train.csv", import.meta.url).pathname;
  const table = await readTable({ path, bytes: readFileSync(path), sheet: undefined });
  if (!table.ok) throw new Error("no table");
  const column = table.value.columns.indexOf("input_finding");
  const reports = [...new Set(table.value.rows.map((row) => String(row[column])))];
  const vocabulary = [...new Set(reports.join(" ").match(/[a-z]{3,}/gi))];
  const originals = random.sample(reports, 100);
  const copies = originals.map((report, at) => {
    if (at < 50) return random.shuffled(report.split(/(?<=[.!?])\s+/)).join(" ");
    const words = report.split(" ");
    const changes = Math.round(words.length * (0.05 + 0.05 * random.next()));
    for (const place of random.sample(words.keys(), changes))
      words[place] = vocabulary[random.below(vocabulary.length)] as string;
    return words.join(" ");
  });
  return { reports, originals, copies };
}

it("finds reports with sentences in another order or 5 to 10 % of the words changed, and no other pair", async () => {
  const { reports, originals, copies } = await editedReports();
  const found = new Set(named(nearDuplicates([...reports, ...copies])));
  const pairs = copies.map((_, at) => `${reports.indexOf(originals[at] as string)} ${reports.length + at}`);
  expect(pairs.slice(0, 50).filter((pair) => found.has(pair)).length).toBe(50);
  expect(pairs.slice(50).filter((pair) => found.has(pair)).length).toBeGreaterThanOrEqual(49);
  expect([...found].filter((pair) => !pairs.includes(pair))).toEqual([]);
});

it("compares words without case, space and punctuation; accepts short and empty texts", () => {
  const pairs = nearDuplicates([
    "",
    "cyst",
    "Cyst.",
    " ",
    "two words",
    "Two, WORDS!",
    "右腎に嚢胞を認める。肝臓は正常",
    "右腎に嚢胞を認める。肝臓は正常。",
  ]);
  expect(pairs.map(({ a, b, similarity }) => [a, b, similarity])).toEqual([
    [1, 2, 1],
    [4, 5, 1],
    [6, 7, 1],
  ]);
});

it("a thousand copies of one text are linked in linear time", () => {
  const letter = text(120).join(" ");
  const copies = Array.from({ length: 1000 }, (_, at) => `${letter} ${at}`);
  const linked = new Set(nearDuplicates(copies).map(({ b }) => b));
  expect(linked.size).toBe(999);
});
