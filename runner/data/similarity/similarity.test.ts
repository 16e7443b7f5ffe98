import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isNearDuplicate, nearCosine } from "./near-duplicate.ts";
import { nearest } from "./nearest.ts";
import { fitTfidf } from "./tfidf.ts";

const sklearn = JSON.parse(readFileSync(new URL("fixtures/sklearn.json", import.meta.url), "utf8")) as {
  readonly rows: readonly string[];
  readonly cases: readonly string[];
  readonly cosines: readonly (readonly number[])[];
};

test("cosines equal scikit-learn's", () => {
  const { rows, cases, cosines } = sklearn;
  const vectors = fitTfidf(rows);
  const found = nearest(vectors(rows), vectors(cases), rows.length);
  expect(found.map((all) => all.length)).toEqual(cases.map(() => rows.length));
  for (const [at, all] of found.entries()) {
    for (const { row, cosine } of all) expect(cosine).toBeCloseTo(cosines[at]?.[row] as number, 9);
  }
});

test.each([
  ["Chinese", ["右肺有结节", "胆囊有结石", "肝脏正常"], "胆囊内有小结石", 1],
  ["Thai", ["ปวดหัวมาก", "เจ็บคอ", "ท้องเสีย"], "คอเจ็บ", 1],
  ["Khmer", ["ឈឺក្បាល", "ឈឺពោះ"], "ពោះ", 1],
  ["Hindi", ["मैं खुश हूँ", "वह दुखी है"], "बहुत दुखी", 1],
])("texts in %s have terms", (_, rows, text, expected) => {
  const vectors = fitTfidf(rows);
  expect(nearest(vectors(rows), vectors([text]), 1)[0]?.[0]?.row).toBe(expected);
});

test("nearest come first, the earlier of equals first, and only usable ones", () => {
  const rows = ["red apple", "green pear", "red apple", "green apple", "blue sky"];
  const vectors = fitTfidf(rows);
  const ask = (k: number, usable?: Parameters<typeof nearest>[3]) =>
    nearest(vectors(rows), vectors(["a red apple", "nothing known"]), k, usable).map((all) =>
      all.map(({ row }) => row),
    );
  expect(ask(3)).toEqual([
    [0, 2, 3],
    [0, 1, 2],
  ]);
  expect(ask(2, ({ row, cosine }) => row !== 0 && cosine < 0.99)).toEqual([
    [3, 1],
    [1, 2],
  ]);
  expect(ask(9, ({ row }, at) => row > at + 2)).toEqual([[3, 4], [4]]);
  expect(ask(0)).toEqual([[], []]);
});

test("rows need not be the texts that the vectorizer was fitted to", () => {
  const vectors = fitTfidf(["one two", "three four"]);
  expect(nearest(vectors(["one five"]), vectors(["three four", "one"]), 1)).toEqual([
    [{ row: 0, cosine: 0 }],
    [{ row: 0, cosine: 1 }],
  ]);
});

test("a near-duplicate is a copy with a changed word, not another report of the same kind", () => {
  const report =
    "The liver is normal in size. A 12 mm calculus lies in the lower pole of the left kidney without hydronephrosis. " +
    "Colonic diverticulosis without inflammation. No free fluid. The aorta is of normal calibre. Enlarged prostate.";
  const others = sklearn.rows;
  const vectors = fitTfidf([report, ...others]);
  const cosine = (text: string) => nearest(vectors([report]), vectors([text]), 1)[0]?.[0]?.cosine as number;
  const edited = report.replace("12 mm", "11 mm").replace("Enlarged", "Large");
  expect(cosine(edited)).toBeGreaterThan(nearCosine.short);
  expect(cosine(edited)).toBeLessThan(1);
  const another = "The liver is normal in size. A cyst lies in the upper pole of the right kidney. No free fluid.";
  expect(isNearDuplicate(report, another, cosine(another))).toBe(false);
  expect(isNearDuplicate("?", " ?\n", 0)).toBe(true);
  expect(isNearDuplicate("Gall  stone", "gall stone", 0)).toBe(true);
  expect(isNearDuplicate("?", "!", 0)).toBe(false);
});
