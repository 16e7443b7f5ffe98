import { expect, it } from "vitest";
import { decimal, firstNames, interval, score, signed, signedInterval, significant, withInterval } from "./format.ts";

it("negative numbers have one minus sign, in scores, intervals and differences", () => {
  const texts = [
    decimal(-1.25, 1),
    score(-0.02),
    interval({ low: -0.5, high: -0.1 }),
    withInterval({ value: -0.2, low: -0.5, high: 0.1 }),
    signed(-0.02),
    signedInterval({ difference: -0.02, low: -0.1, high: 0.02 }),
    significant(-0.123456, 4),
  ];
  for (const text of texts) expect(text).toMatch(/^\[?−[^-]*$/);
  expect(score(-0.02)).toBe("−0.020");
  expect(significant(-12.3456, 4)).toBe("−12.35");
  expect([score(0.02), score(null), significant(1e-7, 4)]).toEqual(["0.020", "–", "1e-7"]);
});

it("a list of names on one line shows the first ones and counts the others", () => {
  const names = Array.from({ length: 2000 }, (_, at) => `train ${at}`);
  expect(firstNames(names.slice(0, 5))).toBe("train 0, train 1, train 2, train 3, train 4");
  expect(firstNames(names)).toBe("train 0, train 1, train 2, train 3, train 4, 1,995 more");
  expect(firstNames([])).toBe("");
});
