import { expect, test } from "vitest";
import { viewOf } from "./labels/views.ts";
import { labelCounts, offeredLabels } from "./labels.ts";

test("offered names: one spelling each, the most frequent; rare ones left out after their variants are added up", () => {
  const golds = ["Renal cyst", "Renal cyst", "renal cyst", "Gallstone", "Gallstone.", "liver cyst", "Colitis"];
  const counts = labelCounts(
    golds.map((label) => ({ gold: [label] })),
    viewOf("raw"),
  );
  const offered = (min_count: number, order: "frequency" | "alphabetical") =>
    offeredLabels(counts, viewOf("basic"), { min_count, order });
  expect(offered(1, "frequency")).toEqual(["Renal cyst", "Gallstone", "Colitis", "liver cyst"]);
  expect(offered(1, "alphabetical")).toEqual(["Colitis", "Gallstone", "Renal cyst", "liver cyst"]);
  expect(offered(2, "frequency")).toEqual(["Renal cyst", "Gallstone"]);
  expect(offeredLabels(counts, viewOf("raw"), { min_count: 2, order: "frequency" })).toEqual(["Renal cyst"]);
});
