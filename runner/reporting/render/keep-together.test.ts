import { expect, it } from "vitest";
import { keepTogether, keptBlock } from "./keep-together.ts";

it("a number stays with its unit, its interval and the sign of a p-value", () => {
  expect(keepTogether("95 % of 3 cases, p < 0.001, 0.5 [0.1, 0.9]")).toBe(
    "95\u00a0% of 3 cases, p\u00a0<\u00a00.001, 0.5 [0.1,\u00a00.9]",
  );
});

it("code is left as it is", () => {
  const code = { type: "code", text: "print(95 % 7)" } as const;
  expect(keptBlock(code)).toEqual(code);
  expect(keptBlock({ type: "paragraph", spans: ["5 %", { code: "5 % 2" }] })).toEqual({
    type: "paragraph",
    spans: ["5\u00a0%", { code: "5 % 2" }],
  });
});
