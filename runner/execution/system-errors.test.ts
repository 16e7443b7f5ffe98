import { mkdtempSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemFailure } from "./system-errors.ts";

const caught = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

test("an error of the system has the path and a help text", () => {
  const folder = mkdtempSync(join(tmpdir(), "exp-system-"));
  const file = join(folder, "file");
  const cases: readonly (readonly [act: () => unknown, words: string])[] = [
    [() => writeFileSync("/dev/full", "x"), "no space left on the disk of"],
    [() => writeFileSync(join(folder, "none/file"), ""), "not found"],
    [() => readdirSync(join(folder, "x".repeat(5000))), join(folder, "xxx")],
    [() => renameSync(join(folder, "a"), join(folder, "b")), `${folder}/a -> ${folder}/b`],
  ];
  for (const [act, words] of cases) {
    const failure = systemFailure(caught(act));
    expect(failure?.message).toContain(words);
    expect(failure?.help).toBeDefined();
  }
  writeFileSync(file, "");
  expect(systemFailure(caught(() => readdirSync(join(file, "x"))))?.message).toContain(`${file}/x`);
});

test("other errors are not errors of the system", () => {
  expect(systemFailure(new TypeError("x is not a function"))).toBeUndefined();
  expect(systemFailure("text")).toBeUndefined();
});
