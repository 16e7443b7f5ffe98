import { expect, test } from "vitest";
import { isOffline } from "./offline.ts";

test.each(["1", "on", "YES", "True"])("HF_HUB_OFFLINE=%s forbids requests", (value) =>
  expect(isOffline({ HF_HUB_OFFLINE: value })).toBe(true),
);

test.each([undefined, "", "0", "no", "false"])("HF_HUB_OFFLINE=%s does not", (value) =>
  expect(isOffline({ HF_HUB_OFFLINE: value })).toBe(false),
);

test("TRANSFORMERS_OFFLINE counts if HF_HUB_OFFLINE is not set", () => {
  expect(isOffline({ TRANSFORMERS_OFFLINE: "1" })).toBe(true);
  expect(isOffline({ HF_HUB_OFFLINE: "", TRANSFORMERS_OFFLINE: "true" })).toBe(true);
  expect(isOffline({ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" })).toBe(false);
});
