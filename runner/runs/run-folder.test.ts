import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placeRun } from "./run-folder.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "exp-run-folder-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const object = "ab".repeat(32);

/** Places a run whose only step has these output files. */
function place(files: readonly string[]): void {
  const stored = join(root, "objects", object);
  mkdirSync(stored, { recursive: true });
  writeFileSync(join(stored, "manifest.json"), "an output");
  const output = { object, files: Object.fromEntries(files.map((file) => [file, { sha256: object, size: 1 }])) };
  placeRun(join(root, "runs/study/one"), [["train", output]], () => "the manifest", {
    objectDir: () => stored,
    stage() {
      const dir = join(root, "staged");
      mkdirSync(dir);
      return { dir, discard: () => rmSync(dir, { recursive: true, force: true }) };
    },
  });
}

test("a run has its manifest and links to its outputs", () => {
  place(["adapter/weights", "log.json"]);
  expect(readFileSync(join(root, "runs/study/one/manifest.json"), "utf8")).toBe("the manifest");
});

test.each([["manifest.json"], ["manifest.json/inner"], ["../escape"], ["./file"], ["/etc/passwd"]])(
  "an output named %j is refused, and the manifest is never written through a link",
  (file) => {
    expect(() => place([file])).toThrow(expect.objectContaining({ code: "manifest-outputs" }));
    expect(readFileSync(join(root, "objects", object, "manifest.json"), "utf8")).toBe("an output");
    expect(existsSync(join(root, "runs/study/one"))).toBe(false);
    expect(existsSync(join(root, "staged"))).toBe(false);
  },
);
