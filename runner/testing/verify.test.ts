/** `exp verify`: the files of finished runs and of the store are read and compared with their records. */
import { renameSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Verified } from "../runs/verify.ts";
import { thisProcess } from "../store/process-identity.ts";
import { expectFailure } from "./command.ts";
import { reseal } from "./reseal.ts";
import { type Rig, test } from "./rig.ts";

/** The files that `exp verify` reports, sorted; a file with two flaws is named twice. */
async function flaws(rig: Rig, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout } = await rig.exp("verify", ...args, "--json");
  const { flaws, files } = JSON.parse(stdout) as Verified;
  expect(files).toBeGreaterThan(0);
  expect(code).toBe(flaws.length > 0 ? 3 : 0);
  for (const { what } of flaws) expect(what).not.toBe("");
  return flaws.map(({ file }) => file).sort();
}

test("each file that was changed or is missing is reported once; a changed manifest too", async ({ rig }) => {
  const { manifest } = await rig.build("experiments/study.yaml");
  expect(await flaws(rig, "study")).toEqual([]);
  const { steps, run } = rig.manifest(manifest);
  const object = (step: string): string => join("artifacts/store/objects", steps[step]?.object as string);

  // The digest cache, which compares size and times, does not detect this change.
  const predictions = join(object("evaluate.zero_shot"), "predictions.jsonl");
  const before = rig.read(predictions);
  rig.keepTimes(predictions, () => rig.overwrite(predictions, before.replace("liver", "lever")));
  rig.remove(join(object("data"), "labels.json"));
  rig.append("experiments/data/test.csv", "more,text,labels,none\n");
  const damaged = [predictions, join(object("data"), "labels.json"), "experiments/data/test.csv"];
  expect(await flaws(rig, "study")).toEqual(damaged.sort());

  // Scores of a manifest are compared with the outputs; its configuration with the run id.
  const text = rig.read(manifest);
  const metric = /"micro_f1": (0\.\d+)/.exec(text)?.[1] as string;
  const changed = text.replace(`"micro_f1": ${metric}`, '"micro_f1": 0.999').replace('"seed": 1', '"seed": 2');
  rig.write(manifest, reseal(changed));
  const found = await flaws(rig, "study");
  expect(found.filter((one) => one.endsWith(`${run}/manifest.json`))).toHaveLength(2);
  expect(found).toHaveLength(damaged.length + 2);
});

test("--store reads all objects and reports files that exp did not store", async ({ rig }) => {
  const { manifest } = await rig.build("experiments/study.yaml");
  expect(await flaws(rig, "--store")).toEqual([]);
  const { steps } = rig.manifest(manifest);
  const folder = join("artifacts/store/objects", steps.data?.object as string);
  rig.write(join(folder, "unknown.txt"), "hello");
  expect(await flaws(rig, "--store")).toEqual([`${folder}/unknown.txt`]);
  // Without records, an object is compared with its own name.
  rmSync(rig.path("artifacts/store/keys"), { recursive: true });
  expect(await flaws(rig, "--store")).toEqual([folder]);
});

test("verify fails without a finished run", async ({ rig }) => {
  expectFailure(await rig.exp("verify"), 2, "run-not-found");
  expectFailure(await rig.exp("verify", "nothing"), 2, "run-not-found");
});

test("--repair deletes damaged files and keeps intact ones; the next run builds the deleted ones again", async ({
  rig,
}) => {
  rig.edit("experiments/study.yaml", "baselines: []", "baselines: [most_frequent, nearest]");
  const { manifest } = await rig.build("experiments/study.yaml");
  const { steps } = rig.manifest(manifest);
  const object = (step: string): string => join("artifacts/store/objects", steps[step]?.object as string);
  const before = rig.tree();
  const text = rig.read(join(object("evaluate.zero_shot"), "predictions.jsonl"));

  rig.keepTimes(join(object("evaluate.zero_shot"), "predictions.jsonl"), () =>
    rig.overwrite(join(object("evaluate.zero_shot"), "predictions.jsonl"), text.replace("liver", "lever")),
  );
  truncateSync(rig.path(join(object("workbook"), "workbook.xlsx")), 100);
  rig.remove(join(object("data"), "labels.json"));
  rig.remove(object("analyse"));
  rig.write(join(object("evaluate.most_frequent"), "extra/notes.txt"), "hello");
  const linked = join(object("generate.nearest"), "responses.jsonl");
  renameSync(rig.path(linked), rig.path("elsewhere.jsonl"));
  symlinkSync(rig.path("elsewhere.jsonl"), rig.path(linked));
  const record = (step: string): string => `artifacts/store/keys/${steps[step]?.key}.json`;
  rig.write(record("generate.zero_shot"), rig.read(record("generate.zero_shot")).slice(0, 200));
  rig.write(record("compare"), rig.read(record("compare")).replace(/"version":\d+/, '"version":99'));
  rig.write("artifacts/store/objects/unknown.txt", "mine");
  const dead = { host: "here", realm: thisProcess().realm, pid: 2 ** 22 + 1, start: "1" };
  rig.write("artifacts/store/locks/dead", `${JSON.stringify(dead)}\n`);
  rig.write("artifacts/store/locks/far", `${JSON.stringify({ ...dead, realm: "another machine" })}\n`);
  rig.write("artifacts/store/running/1-dead", `${JSON.stringify(dead)}\n`);
  rig.write(`artifacts/store/staging/${"0".repeat(64)}.1-dead.abc/half`, "x");

  const wrong = [
    join(object("evaluate.zero_shot"), "predictions.jsonl"),
    join(object("workbook"), "workbook.xlsx"),
    join(object("data"), "labels.json"),
    object("analyse"),
    join(object("evaluate.most_frequent"), "extra/notes.txt"),
    linked,
    record("generate.zero_shot"),
    record("compare"),
    "artifacts/store/objects/unknown.txt",
  ];
  const damaged = rig.tree();
  expect(await flaws(rig, "--store")).toEqual(wrong.sort());
  expect(rig.tree()).toEqual(damaged);

  expectFailure(await rig.exp("verify", "--repair"), 2, "bad-option", /help: .*--store --repair/);
  const { code, stdout, stderr } = await rig.exp("verify", "--store", "--repair");
  expect(stderr).toMatch(/\b3 files or folders\b/);
  expect(stdout).toMatch(new RegExp(`${object("data")}: deleted`));
  expect(stdout).toMatch(/unknown.txt: kept/);
  expect(code).toBe(3);
  const kept = rig.tree();
  const intact = Object.entries(kept).filter(([path]) => path.startsWith("store/objects/") && path in before);
  expect(intact.length).toBeGreaterThan(5);
  for (const [path, digest] of intact) expect([path, digest]).toEqual([path, before[path]]);
  for (const step of ["generate.zero_shot", "evaluate.nearest", "evaluate.most_frequent", "compare"]) {
    for (const file of Object.keys(steps[step]?.files ?? {})) {
      expect(kept).toHaveProperty([join(object(step), file).replace("artifacts/", "")]);
    }
  }
  expect(Object.keys(kept).filter((path) => /^store\/(locks|running|staging)\//.test(path))).toEqual([
    "store/locks/far",
  ]);

  rig.remove("artifacts/store/objects/unknown.txt");
  rig.remove("artifacts/store/locks/far");
  const again = await rig.build("experiments/study.yaml");
  const made = Object.keys(again.steps).filter((step) => again.steps[step] === "built");
  expect(made.sort()).toEqual([
    "analyse",
    "compare",
    "data",
    "evaluate.zero_shot",
    "generate.nearest",
    "generate.zero_shot",
    "workbook",
  ]);
  const left = (await flaws(rig, "--store")).filter(
    (flaw) => !flaw.includes("workbook") && !flaw.includes(steps.workbook?.object as string),
  );
  expect(left).toEqual([]);
});
