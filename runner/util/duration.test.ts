import { expect, test } from "vitest";
import { secondsOf } from "./duration.ts";

test.each([
  ["30s", 30],
  ["90m", 5400],
  ["1.5h", 5400],
  ["2d", 172_800],
])("%s", (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds);
});
