import { expect, it } from "vitest";
import { confusionTable } from "./confusion-table.ts";

it("has a row for each gold label, most frequent first, and a column for each predicted one", () => {
  const { head, rows } = confusionTable([
    { gold: "a", predicted: "a", count: 3 },
    { gold: "a", predicted: "z", count: 1 },
    { gold: "b", predicted: "b", count: 9 },
  ]);
  expect(head.slice(1)).toEqual(["b", "a", "z"]);
  expect(rows).toEqual([
    ["b", "9", "0", "0"],
    ["a", "0", "3", "1"],
  ]);
});

it("sums the labels that do not fit", () => {
  const cells = Array.from({ length: 20 }, (_, at) => ({ gold: `l${at}`, predicted: `l${at}`, count: 20 - at }));
  const { rows, head } = confusionTable(cells);
  expect(rows).toHaveLength(13);
  expect(rows.at(-1)?.[0]).toBe("(other)");
  const total = rows.flatMap((row) => row.slice(1).map(Number)).reduce((sum, count) => sum + count, 0);
  expect([total, head.at(-1)]).toEqual([210, "(other)"]);
});
