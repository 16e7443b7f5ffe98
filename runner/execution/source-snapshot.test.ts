import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { openDigests } from "../store/digest.ts";
import { SourceSnapshot } from "./source-snapshot.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "exp-sources-"));
  mkdirSync(join(root, "recipes"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("a large source that was exchanged during a step counts as changed, also if the first content is back", () => {
  const [path, other] = [join(root, "large"), join(root, "other")];
  // Larger than what is copied.
  for (const [file, fill] of [
    [path, "a"],
    [other, "b"],
  ] as const)
    writeFileSync(file, Buffer.alloc(5 * 2 ** 20, fill));
  const digests = openDigests(join(root, "cache"));
  const step = {
    draft: { sources: { data: path } },
    sourceDigests: { data: digests.of(path) },
  } as unknown as PlannedStep;
  const given = { folder: join(root, "snapshots"), packageRoot: root, digests, claim: () => {} };
  const open = () => new SourceSnapshot({ steps: [step] } as unknown as Plan, given);
  const sources = open();
  expect(sources.path(step, "data")).toBe(path);
  sources.verify(step);
  const before = digests.state(path);
  // Two changes within one tick of the clock of the file system have equal times.
  while (digests.state(path) === before) {
    linkSync(path, join(root, "kept"));
    linkSync(other, join(root, "next"));
    renameSync(join(root, "next"), path);
    renameSync(join(root, "kept"), path);
  }
  expect(digests.of(path)).toBe(step.sourceDigests.data);
  expect(() => sources.verify(step)).toThrow(expect.objectContaining({ code: "source-changed" }));
  writeFileSync(path, "changed");
  expect(() => open().path(step, "data")).toThrow(expect.objectContaining({ code: "source-changed" }));
});
