import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../../util/canonical.ts";
import { DiskStore } from "./disk-store.ts";

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "exp-disk-store-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

const text = "content\n";
const file = { sha256: sha256(text), size: text.length };

test("a file is copied once, into new folders below the root", async () => {
  const disk = new DiskStore(join(top, "disk"), new AbortController().signal);
  writeFileSync(join(top, "source"), text);
  await disk.create();
  expect(await disk.put("files/ab/name", join(top, "source"), file)).toBe(true);
  expect(await disk.put("files/ab/name", join(top, "source"), file)).toBe(false);
  expect(readFileSync(join(top, "disk/files/ab/name"), "utf8")).toBe(text);
});

test("a root that has disappeared is an error and is not made again", async () => {
  const disk = new DiskStore(join(top, "disk"), new AbortController().signal);
  writeFileSync(join(top, "source"), text);
  await disk.create();
  renameSync(join(top, "disk"), join(top, "elsewhere"));
  await expect(disk.put("files/ab/name", join(top, "source"), file)).rejects.toMatchObject({ code: "mirror-missing" });
  await expect(disk.writeText("keys/name.json", text)).rejects.toMatchObject({ code: "mirror-missing" });
  expect(existsSync(join(top, "disk"))).toBe(false);
});

test("a link below the root is not followed by a write, and the file behind a link is not truncated", async () => {
  const disk = new DiskStore(join(top, "disk"), new AbortController().signal);
  await disk.create();
  mkdirSync(join(top, "outside"));
  writeFileSync(join(top, "outside/own"), "own");
  writeFileSync(join(top, "source"), text);
  for (const name of ["keys", "files"]) symlinkSync(join(top, "outside"), join(top, "disk", name));
  await expect(disk.writeText("keys/name.json", text)).rejects.toMatchObject({ code: "linked-folder" });
  await expect(disk.put("files/ab/name", join(top, "source"), file)).rejects.toMatchObject({ code: "linked-folder" });
  symlinkSync(join(top, "outside/own"), join(top, "disk/link"));
  await disk.remove("link");
  expect(existsSync(join(top, "disk/link"))).toBe(false);
  expect(readFileSync(join(top, "outside/own"), "utf8")).toBe("own");
  expect(readdirSync(join(top, "outside"))).toEqual(["own"]);
});

test("what another user puts in the place of a file is neither waited for nor followed", async () => {
  const disk = new DiskStore(join(top, "disk"), new AbortController().signal);
  await disk.create();
  const at = (name: string): string => join(top, "disk", name);
  execFileSync("mkfifo", [at("pipe")]);
  symlinkSync("/dev/zero", at("zero"));
  mkdirSync(at("folder"));
  for (const name of ["pipe", "zero", "folder", "missing"]) {
    expect([name, await disk.readText(name)]).toEqual([name, undefined]);
    expect([name, await disk.take(name, join(top, "taken"), { ...file, size: 0 })]).toEqual([name, false]);
  }
  writeFileSync(at("large"), "");
  truncateSync(at("large"), 65 * 2 ** 20);
  await expect(disk.readText("large")).rejects.toMatchObject({ code: "response-too-large" });

  writeFileSync(join(top, "source"), text);
  writeFileSync(join(top, "own"), "own");
  symlinkSync(join(top, "own"), at("name.partial"));
  expect(await disk.put("name", join(top, "source"), file)).toBe(true);
  expect(readFileSync(join(top, "own"), "utf8")).toBe("own");
  expect(readFileSync(at("name"), "utf8")).toBe(text);
});
