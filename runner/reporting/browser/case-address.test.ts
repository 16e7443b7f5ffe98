import { expect, it } from "vitest";
import { casesFragment, casesState } from "./case-address.ts";

it("a fragment holds the filters of the cases and one case", () => {
  const state = {
    text: "a & b",
    arm: "study, fine-tuned",
    other: "zero-shot",
    answer: "differ",
    label: "é=1",
    view: "columns",
    id: "te #1",
  };
  expect(casesState(casesFragment(state))).toEqual(state);
  expect(casesState(casesFragment({ id: "x" }))).toMatchObject({ id: "x", text: "", arm: "" });
  expect(casesFragment({ text: "", id: "x" })).toBe("#cases?id=x");
  for (const other of ["", "#cases", "#table-1", "#main"]) expect(casesState(other)).toBeUndefined();
});
