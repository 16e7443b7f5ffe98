import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isIntactSnapshot, recipeFiles, takeSnapshot } from "./snapshot.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "exp-snapshot-"));
  writeFileSync(join(root, "a.hbs"), "one");
  writeFileSync(join(root, "b.yaml"), "two");
});
afterEach(() => rmSync(root, { recursive: true }));

function take() {
  return takeSnapshot(join(root, "snapshots"), { "prompts/a.hbs": join(root, "a.hbs"), b: join(root, "b.yaml") });
}

test("a copy does not change with its original", () => {
  const snapshot = take();
  writeFileSync(join(root, "a.hbs"), "changed");
  expect(readFileSync(snapshot.path("prompts/a.hbs"), "utf8")).toBe("one");
  expect(snapshot.digests.b).toBe("3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3");
  expect(take().folder).not.toBe(snapshot.folder);
  expect(() => snapshot.path("c")).toThrow("no source c");
});

test("an equal snapshot is used again, and edited files are restored", () => {
  const first = take();
  writeFileSync(first.path("b"), "edited");
  rmSync(first.path("prompts/a.hbs"));
  const second = take();
  expect(second.folder).toBe(first.folder);
  expect(readFileSync(second.path("b"), "utf8")).toBe("two");
  expect(readFileSync(second.path("prompts/a.hbs"), "utf8")).toBe("one");
  expect(readdirSync(join(root, "snapshots"))).toHaveLength(1);
  expect(readdirSync(second.folder).sort()).toEqual(["b", "prompts"]);
});

test("files that were added to a snapshot are removed before its next use, and links are not followed", () => {
  const first = take();
  const outside = join(root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "a.hbs"), "outside");
  const add = (): void => {
    writeFileSync(join(first.folder, "sitecustomize.py"), "raise SystemExit(9)");
    mkdirSync(join(first.folder, "prompts/__pycache__"));
    writeFileSync(join(first.folder, "prompts/__pycache__/x.pyc"), "code");
    symlinkSync(outside, join(first.folder, "linked"));
    rmSync(first.path("b"));
    symlinkSync(join(outside, "a.hbs"), first.path("b"));
  };
  add();
  take();
  expect((readdirSync(first.folder, { recursive: true }) as string[]).sort()).toEqual([
    "b",
    "prompts",
    "prompts/a.hbs",
  ]);
  add();
  first.restore();
  expect((readdirSync(first.folder, { recursive: true }) as string[]).sort()).toEqual([
    "b",
    "prompts",
    "prompts/a.hbs",
  ]);
  rmSync(join(first.folder, "prompts"), { recursive: true });
  symlinkSync(outside, join(first.folder, "prompts"));
  first.restore();
  expect(lstatSync(join(first.folder, "prompts")).isDirectory()).toBe(true);
  expect(readFileSync(first.path("prompts/a.hbs"), "utf8")).toBe("one");
  expect(readFileSync(join(outside, "a.hbs"), "utf8")).toBe("outside");
  rmSync(first.folder, { recursive: true });
  symlinkSync(outside, first.folder);
  expect(lstatSync(take().folder).isDirectory()).toBe(true);
  expect(readdirSync(outside)).toEqual(["a.hbs"]);
});

test("no other user can write to a snapshot, and a wider mode is narrowed", () => {
  const { folder } = take();
  const modes = (): readonly number[] => [folder, join(folder, "prompts")].map((path) => statSync(path).mode & 0o777);
  expect(modes()).toEqual([0o700, 0o700]);
  chmodSync(folder, 0o777);
  chmodSync(join(folder, "prompts"), 0o777);
  take();
  expect(modes()).toEqual([0o700, 0o700]);
});

test("folders and large files are not copied", () => {
  mkdirSync(join(root, "weights"));
  writeFileSync(join(root, "large.csv"), "");
  truncateSync(join(root, "large.csv"), 5 * 2 ** 20);
  const sources = { weights: join(root, "weights"), "large.csv": join(root, "large.csv") };
  const snapshot = takeSnapshot(join(root, "snapshots"), sources);
  expect(snapshot.path("weights")).toBe(sources.weights);
  expect(snapshot.path("large.csv")).toBe(sources["large.csv"]);
  expect(snapshot.digests).toEqual({});
});

test.each(["../x", "/x", "a/../../x"])("rejects a source named %s", (name) => {
  expect(() => takeSnapshot(join(root, "snapshots"), { [name]: join(root, "a.hbs") })).toThrow("leads out");
});

test("finds the recipes without their tests", () => {
  const files = Object.keys(recipeFiles(fileURLToPath(new URL("../..", import.meta.url))));
  expect(files).toContain("recipes/common/launch.py");
  expect(files).toContain("recipes/common/protocol.py");
  expect(files.filter((name) => /test_|__pycache__|\/\./.test(name))).toEqual([]);
});

test("a snapshot with a changed, added or deleted file, or a link, is not intact", () => {
  const changes: readonly ((folder: string) => void)[] = [
    (folder) => writeFileSync(join(folder, "b"), "other"),
    (folder) => writeFileSync(join(folder, "sitecustomize.py"), ""),
    (folder) => rmSync(join(folder, "b")),
    (folder) => {
      rmSync(join(folder, "b"));
      symlinkSync(join(root, "b.yaml"), join(folder, "b"));
    },
  ];
  for (const change of changes) {
    const { folder } = take();
    expect(isIntactSnapshot(folder)).toBe(true);
    change(folder);
    expect([change, isIntactSnapshot(folder)]).toEqual([change, false]);
  }
  expect(isIntactSnapshot(join(root, "none"))).toBe(false);
});
