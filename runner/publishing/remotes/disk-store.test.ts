import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
