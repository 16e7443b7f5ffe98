import { expect, test } from "vitest";
import { sentenceFinder } from "./sentence.ts";

test("a text can have more sentences than a call can have arguments", () => {
  const rows = [
    { input: `The liver has a cyst. ${"No. ".repeat(130_000)}`, labels: ["liver cyst"] },
    { input: "The spleen is normal.", labels: [] },
  ];
  expect(sentenceFinder(rows).quote("The liver has a cyst. No.", "liver cyst")).toBe("The liver has a cyst.");
});
