import { expect, test } from "vitest";
import { csv } from "./csv.ts";

test.each(["=1+1", "+cmd", "-2+3", "@SUM(A1)", " =1+1", "\t=1", "-", "=HYPERLINK(0)"])(
  "%j is text for a spreadsheet",
  (value) => {
    expect(csv([[value]])).toBe(`'${value}\r\n`);
  },
);

test.each(["-0.5", "+3", "1e-7", "-1E+5", ".5", "text", ""])("%j stays", (value) => {
  expect(csv([[value]])).toBe(`${value}\r\n`);
});

test("a quoted formula keeps its prefix inside the quotes", () => {
  expect(csv([['=1,"x"']])).toBe(`"'=1,""x"""\r\n`);
});
