/** The reproducibility checklist and the README of finished runs. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Checklist } from "../reporting/checklist/checklist.ts";
import { codeItems } from "../reporting/checklist/code-items.ts";
import { sectionIds } from "../reporting/checklist/readme.ts";
import { expectFailure } from "./command.ts";
import { test } from "./rig.ts";

const ids = [
  ...Array.from({ length: 14 }, (_, index) => `C${index + 1}`),
  ...Array.from({ length: 27 }, (_, index) => `P${index + 1}`),
  ...["D1", "D2"],
];

test("yes requires evidence with the digest of its file; no names an action", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "baselines: []\n", "baselines: [most_frequent]\nreport: {notes: notes.md}\n");
  rig.write("experiments/notes.md", "# A title\n\nAda\n\n## Data source\n\nMade up by a test.\n");
  await rig.build("experiments/study.yaml");
  const { items, counts, warning } = await rig.json<Checklist>("checklist", "study");
  expect(items.map(({ id }) => id)).toEqual(ids);
  expect(counts.yes + counts.no + counts["not applicable"]).toBe(ids.length);
  expect(warning).toContain("Replayed predictions");

  for (const item of items) {
    if (item.answer === "yes") expect(item.evidence.length, item.id).toBeGreaterThan(0);
    if (item.answer === "no") expect(`${item.responsible}${item.action}`, item.id).not.toBe("");
    for (const { file, sha256 } of "evidence" in item ? item.evidence : []) {
      expect(digestOf(rig.path(file)), `${item.id} ${file}`).toBe(sha256);
    }
  }
  const answers = Object.fromEntries(items.map(({ id, answer }) => [id, answer]));
  // In the notes; not in the notes; no training; replayed predictions; no images.
  expect([answers.P5, answers.P6, answers.C4, answers.P21, answers.P8]).toEqual([
    ...["yes", "no", "not applicable", "no", "not applicable"],
  ]);

  const run = await rig.exp("checklist", "study", "--readme");
  expect(run.code).toBe(0);
  const readme = rig.read("README.md");
  expect([...readme.matchAll(/^## /gm)]).toHaveLength(codeItems.length);
  expect(readme).toContain("Made up by a test.");
  expect(readme).toContain(warning);
  expect(readme).toContain("Acknowledgements");
  expect(sectionIds).toEqual(codeItems.map(({ id }) => id));

  // exp replaces its own README and no other.
  expect((await rig.exp("checklist", "study", "--readme")).code).toBe(0);
  expect(rig.read("README.md")).toBe(readme);
  rig.write("README.md", "# Mine\n");
  expectFailure(await rig.exp("checklist", "study", "--readme"), 2, "file-exists", /README\.md/);
  expect(rig.read("README.md")).toBe("# Mine\n");
});

test("a checklist of an unknown run fails", async ({ rig }) => {
  expectFailure(await rig.exp("checklist", "nothing"), 2, "run-not-found");
});

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
