import { expect, test } from "vitest";
import { ListingLimits } from "./listing-limits.ts";

test("a listing with few entries and very long names is too long", () => {
  const limits = new ListingLimits("a/b");
  const name = "x".repeat(30e6);
  const list = (): void => {
    for (let page = 0; page < 10; page++) {
      limits.page(String(page));
      limits.entry(name);
    }
  };
  expect(list).toThrow(expect.objectContaining({ code: "listing-too-long" }));
});

test("a listing whose pages have very long addresses is too long", () => {
  const limits = new ListingLimits("a/b");
  const list = (): void => {
    for (let page = 0; page < 10; page++) limits.page(`${page}${"x".repeat(30e6)}`);
  };
  expect(list).toThrow(expect.objectContaining({ code: "listing-too-long" }));
});
