import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { writeFileAtomic } from "./write-file.ts";

/** The calls that determine the content after a power failure. */
const calls: string[] = [];
const drafts: { readonly path: string; readonly flag: string | undefined }[] = [];
vi.mock("node:fs", async (load) => {
  const fs = await load<typeof import("node:fs")>();
  const paths = new Map<number, string>();
  return {
    ...fs,
    writeFileSync(path: string, content: string, options: { flush?: boolean; flag?: string }) {
      drafts.push({ path, flag: options?.flag });
      calls.push(options?.flush ? "write and flush" : "write");
      fs.writeFileSync(path, content, options as object);
    },
    renameSync(from: string, to: string) {
      calls.push("rename");
      fs.renameSync(from, to);
    },
    openSync(path: string, flags: string) {
      const fd = fs.openSync(path, flags);
      paths.set(fd, path);
      return fd;
    },
    fsyncSync(fd: number) {
      calls.push(`flush ${paths.get(fd)}`);
      fs.fsyncSync(fd);
    },
  };
});

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

test("another user who can write to the folder cannot prepare a link at the path of a draft", () => {
  drafts.length = 0;
  for (const _ of [1, 2]) writeFileAtomic(join(folder, "out.csv"), "text");
  expect(new Set(drafts.map(({ path }) => path)).size).toBe(2);
  for (const { path, flag } of drafts)
    expect([path.slice(folder.length), flag]).toEqual([
      expect.stringMatching(/^\/out\.csv\.[0-9a-f]{12}\.partial$/),
      // Fails at a path that exists.
      "wx",
    ]);
});

test("throws if the target is a folder, and leaves no draft", () => {
  mkdirSync(join(folder, "state.json/inner"), { recursive: true });
  expect(() => writeFileAtomic(join(folder, "state.json"), "text")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(["state.json"]);
});

test("evidence is flushed before the rename, and its name after it", () => {
  calls.length = 0;
  writeFileAtomic(join(folder, "entry.json"), "{}", { flush: true });
  expect(calls).toEqual(["write and flush", "rename", `flush ${folder}`]);
  calls.length = 0;
  writeFileAtomic(join(folder, "status.json"), "{}");
  expect(calls).toEqual(["write", "rename"]);
});
