import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "./write-file.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-write-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([false, true])("replaces the content and leaves no draft (flush: %s)", (flush) => {
  const path = join(folder, "state.json");
  writeFileAtomic(path, "first", { flush });
  writeFileAtomic(path, Buffer.from("second"), { flush });
  expect(readFileSync(path, "utf8")).toBe("second");
  expect(readdirSync(folder)).toEqual(["state.json"]);
});

test("throws if the target is a folder, and leaves no draft", () => {
  mkdirSync(join(folder, "state.json/inner"), { recursive: true });
  expect(() => writeFileAtomic(join(folder, "state.json"), "text")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(["state.json"]);
});
