import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestUncached, unreadableReason } from "../store/digest.ts";
import { fileLimits, pathKind, readRegularFile, readStart } from "./regular-file.ts";
import { UserError } from "./user-error.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-regular-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return error instanceof UserError ? error.code : (error as NodeJS.ErrnoException).code;
  }
}

test("a regular file is read whole, also through a symlink, and when it grows", () => {
  const path = join(folder, "file");
  writeFileSync(path, "a".repeat(10_000));
  symlinkSync(path, join(folder, "link"));
  expect(readRegularFile(join(folder, "link"), "template")).toHaveLength(10_000);
  expect(readStart(path, 100)).toHaveLength(100);
  appendFileSync(path, "b");
  expect(readRegularFile(path, "template").toString().endsWith("ab")).toBe(true);
  writeFileSync(path, "");
  expect(readRegularFile(path, "template")).toHaveLength(0);
});

test("files that report no size are read", () => {
  expect(readRegularFile("/proc/self/status", "template").toString()).toContain("Pid:");
});

test("a device, a pipe, a socket and a folder are refused without waiting", async () => {
  execFileSync("mkfifo", [join(folder, "pipe")]);
  mkdirSync(join(folder, "folder"));
  symlinkSync("/dev/zero", join(folder, "zero"));
  const server = createServer().listen(join(folder, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    expect(pathKind(join(folder, "pipe"))).toBe("special");
    for (const name of ["pipe", "zero", "folder", "socket"]) {
      expect([name, codeOf(() => readRegularFile(join(folder, name), "data file"))]).toEqual([
        name,
        "not-a-regular-file",
      ]);
      expect(codeOf(() => digestUncached(join(folder, name)))).toBe("not-a-regular-file");
    }
    expect(unreadableReason(new UserError("not-a-regular-file", ""))).toBe("is not a regular file");
  } finally {
    server.close();
  }
});

test("a link that leads back to itself, and a name that is too long, name nothing", () => {
  symlinkSync("loop", join(folder, "loop"));
  expect(pathKind(join(folder, "loop"))).toBe(undefined);
  expect(pathKind(join(folder, "x".repeat(5000)))).toBe(undefined);
});

test("a file above the limit of its kind is refused, and only its start is read", () => {
  const path = join(folder, "sparse");
  writeFileSync(path, "");
  truncateSync(path, 5e9);
  for (const kind of ["template", "label file", "notes file", "configuration", "experiment"] as const) {
    expect(codeOf(() => readRegularFile(path, kind))).toBe("file-too-large");
  }
  truncateSync(path, fileLimits.template);
  expect(readRegularFile(path, "template")).toHaveLength(fileLimits.template);
});
