import { expect, it } from "vitest";
import { allowedAnswers } from "./answers.ts";
import { viewOf } from "./labels/views.ts";
import { labelCounts } from "./labels.ts";

function allowed(golds: readonly (readonly string[])[], isSingle = false) {
  const rows = golds.map((gold) => ({ gold }));
  const of = viewOf("raw");
  return allowedAnswers(rows, { of, counts: labelCounts(rows, of), separator: ",", isSingle });
}

it("lists the training labels, and the empty answer if a row has no label", () => {
  expect(allowed([["B", "A"], ["A"], []])).toEqual({ labels: ["A", "B"], between: ", ", none: "None", single: false });
  expect(allowed([["A"]]).none).toBeNull();
});

it("keeps the commonest spelling of a label, and separates the label for an empty answer", () => {
  expect(allowed([["stone"], ["Stone"], ["Stone"], ["No abnormality"]])).toMatchObject({
    labels: ["Stone"],
    none: "No abnormality",
  });
});

it("omits labels that the parser would change", () => {
  const long = Array.from({ length: 40 }, () => "word").join(" ");
  expect(allowed([["Fracture (T12, L1)", "Pain, chronic", "- x", "None"]]).labels).toEqual([
    "- x",
    "Fracture (T12, L1)",
    '"Pain, chronic"',
  ]);
  expect(allowed([[long]]).labels).toEqual([long]);
  expect(allowed([["Pain, chronic"]], true)).toMatchObject({ labels: ["Pain, chronic"], single: true });
});
