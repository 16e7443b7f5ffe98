import { expect, test } from "vitest";
import { bytesOf, parseSize } from "./size.ts";

test.each([
  ["500", 500],
  ["20GB", 20e9],
  ["20 GB", 20e9],
  ["1.5TB", 1.5e12],
  ["20G", 20e9],
  ["16GiB", 16 * 2 ** 30],
  ["16 MiB", 16 * 2 ** 20],
  ["2kb", 2e3],
])("%s", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "GB", "much", "-1GB", "20 parsecs", "20GiBs"])("%j is not a size", (text) => {
  expect(parseSize(text)).toBeUndefined();
  expect(() => bytesOf(text)).toThrow(expect.objectContaining({ code: "bad-size" }));
});
