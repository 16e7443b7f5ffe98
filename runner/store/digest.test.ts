import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listingDigest, openDigests } from "./digest.ts";
import { msUntilSettled } from "./digest-cache.ts";

let folder: string;
let cache: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-digest-"));
  cache = join(folder, "cache");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const put = (name: string, data: string | Buffer) => {
  writeFileSync(join(folder, name), data);
  return join(folder, name);
};
const cacheFile = () => join(cache, "digests", readdirSync(join(cache, "digests"))[0] as string);
/** Waits until the clock of the file system has advanced. */
const tick = () => sleep(150);

/** Writes another digest for a file's present state into the cache. A result with this digest shows that the file was not read. */
function plant(path: string, digest: string): void {
  const stat = statSync(path, { bigint: true });
  const line = `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs} ${digest}`;
  mkdirSync(join(cache, "digests"), { recursive: true });
  appendFileSync(cacheFile(), `${line} ${crc32(line).toString(36)}\n`);
}

test("a file's digest is the SHA-256 of its bytes, at any size", async () => {
  for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (9 << 20) + 17]) {
    const data = Buffer.alloc(size, "exp ");
    const path = put(`f${size}`, data);
    const expected = { sha256: sha(data), size };
    expect(openDigests(cache).file(path)).toEqual(expected);
    expect(await openDigests(join(folder, "other")).plainFileAsync(path)).toEqual(expected);
  }
});

test("an unchanged file is not read again, by this process or the next", async () => {
  const path = put("a", "first");
  await tick();
  const digests = openDigests(cache);
  digests.file(path);
  digests.flush();
  plant(path, "0".repeat(64));
  expect(openDigests(cache).file(path).sha256).toBe("0".repeat(64));
  expect(digests.file(path).sha256).toBe(sha("first"));
});

test("an edit of the same size with its time set back is detected", async () => {
  const path = put("a", "first");
  const past = new Date("2020-01-01T00:00:00.123Z");
  utimesSync(path, past, past);
  await tick();
  const digests = openDigests(cache);
  expect(digests.file(path).sha256).toBe(sha("first"));
  writeFileSync(path, "other");
  utimesSync(path, past, past);
  expect(digests.file(path).sha256).toBe(sha("other"));
});

test("an edit within the same tick of the filesystem's clock is seen", () => {
  const digests = openDigests(cache);
  const past = new Date("2020-01-01T00:00:00.123Z");
  for (let round = 0; round < 300; round++) {
    const path = put("a", `${1000 + round}`);
    utimesSync(path, past, past);
    digests.file(path);
    writeFileSync(path, `${5000 + round}`);
    utimesSync(path, past, past);
    expect(digests.file(path).sha256).toBe(sha(`${5000 + round}`));
  }
});

test("a stat is used once the clock of the file system has advanced", () => {
  const at = (ms: number, ns = 0) => BigInt(ms) * 1_000_000n + BigInt(ns);
  const [now, long] = [1_800_000_000_000, at(1_700_000_000_000, 5)];
  expect(msUntilSettled({ ctimeNs: at(now - 101, 5), mtimeNs: long }, now)).toBeLessThanOrEqual(0);
  expect(msUntilSettled({ ctimeNs: at(now - 60, 5), mtimeNs: long }, now)).toBe(40);
  expect(msUntilSettled({ ctimeNs: long, mtimeNs: at(now - 60, 5) }, now)).toBe(40);
  expect(msUntilSettled({ ctimeNs: at(now - 1000), mtimeNs: long }, now)).toBe(1100);
  expect(msUntilSettled({ ctimeNs: at(now + 5000, 5), mtimeNs: long }, now)).toBeGreaterThan(5000);
});

test("torn, mixed and damaged lines of the cache are ignored, and lines after them are not", async () => {
  const a = put("a", "aaa");
  const b = put("b", "bbb");
  await tick();
  const first = openDigests(cache);
  first.file(a);
  first.flush();
  const text = readFileSync(cacheFile(), "latin1");

  writeFileSync(cacheFile(), text.slice(0, -20));
  const second = openDigests(cache);
  expect(second.file(a).sha256).toBe(sha("aaa"));
  second.file(b);
  second.flush();
  plant(b, "1".repeat(64));
  expect(openDigests(cache).file(b).sha256).toBe("1".repeat(64));

  writeFileSync(
    cacheFile(),
    text.replace(
      sha("aaa"),
      sha("aaa").replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
    ),
  );
  expect(openDigests(cache).file(a).sha256).toBe(sha("aaa"));

  writeFileSync(cacheFile(), Buffer.alloc(100_000, text).fill(0, 10, 90_000));
  expect(openDigests(cache).file(a).sha256).toBe(sha("aaa"));
});

test("a cache that cannot be written is not an error", () => {
  writeFileSync(cache, "a file where a folder should be");
  const digests = openDigests(cache);
  expect(digests.file(put("a", "aaa")).sha256).toBe(sha("aaa"));
  digests.flush();
});

test("a cache that has grown is compacted, and keeps its digests", async () => {
  const a = put("a", "aaa");
  const b = put("b", "bbb");
  await tick();
  const first = openDigests(cache);
  first.file(a);
  first.flush();
  plant(a, "2".repeat(64));
  const line = readFileSync(cacheFile(), "latin1");
  appendFileSync(cacheFile(), line.repeat(5000));
  const grown = statSync(cacheFile()).size;
  const digests = openDigests(cache);
  digests.file(b);
  digests.flush();
  expect(statSync(cacheFile()).size).toBeLessThan(grown / 1000);
  expect(openDigests(cache).file(a).sha256).toBe("2".repeat(64));
});

test("a folder's digest comes from names and bytes alone, through symlinks", () => {
  mkdirSync(join(folder, "one/deep"), { recursive: true });
  put("one/deep/x.json", "x");
  put("one/a.json", "a");
  mkdirSync(join(folder, "two"));
  put("two/a.json", "a");
  put("x.json", "x");
  mkdirSync(join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "two/deep"));
  symlinkSync(join(folder, "x.json"), join(folder, "elsewhere/x.json"));

  const digests = openDigests(cache);
  expect(digests.folder(join(folder, "two"))).toEqual({
    "a.json": { sha256: sha("a"), size: 1 },
    "deep/x.json": { sha256: sha("x"), size: 1 },
  });
  expect(digests.of(join(folder, "one"))).toBe(digests.of(join(folder, "two")));
  expect(digests.of(join(folder, "one"))).toBe(listingDigest(digests.folder(join(folder, "one"))));
  put("one/b.json", "");
  expect(digests.of(join(folder, "one"))).not.toBe(digests.of(join(folder, "two")));
});

test("a loop of symlinks is an error that names it", () => {
  mkdirSync(join(folder, "a/b"), { recursive: true });
  symlinkSync(join(folder, "a"), join(folder, "a/b/up"));
  expect(() => openDigests(cache).folder(join(folder, "a"))).toThrow(/up is a symlink/);
});

test("a symlink is no plain file", () => {
  symlinkSync(put("a", "a"), join(folder, "link"));
  expect(openDigests(cache).plainFile(join(folder, "link"))).toBeUndefined();
  expect(openDigests(cache).plainFile(join(folder, "absent"))).toBeUndefined();
});
