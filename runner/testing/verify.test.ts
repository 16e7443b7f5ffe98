/** Files of finished runs, read anew. */
import { renameSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Verified } from "../runs/verify.ts";
import { thisProcess } from "../store/process-identity.ts";
import { expectFailure, type Rig, test } from "./rig.ts";

async function flaws(rig: Rig, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout } = await rig.exp("verify", ...args, "--json");
  const { flaws, files } = JSON.parse(stdout) as Verified;
  expect(files).toBeGreaterThan(0);
  expect(code).toBe(flaws.length > 0 ? 3 : 0);
  return flaws.map(({ file, what }) => `${file} ${what}`);
}

test("what was changed in secret, is missing, or was written into a manifest is named, each file once", async ({
  rig,
}) => {
  const { manifest } = await rig.built("experiments/study.yaml");
  expect(await flaws(rig, "study")).toEqual([]);
  const { steps, run } = rig.manifest(manifest);
  const object = (step: string): string => join("artifacts/store/objects", steps[step]?.object as string);

  // The stat cache would not see this one.
  const predictions = join(object("evaluate.zero_shot"), "predictions.jsonl");
  const before = rig.read(predictions);
  rig.inSecret(predictions, () => rig.spoil(predictions, before.replace("liver", "lever")));
  rig.remove(join(object("data"), "labels.json"));
  rig.append("experiments/data/test.csv", "more,text,labels,none\n");
  expect([...(await flaws(rig, "study"))].sort()).toEqual(
    [
      `${predictions} was changed`,
      `${join(object("data"), "labels.json")} is missing`,
      "experiments/data/test.csv was changed",
    ].sort(),
  );

  // Scores and configuration of a manifest are held against what they were made of.
  const text = rig.read(manifest);
  const metric = /"micro_f1": (0\.\d+)/.exec(text)?.[1] as string;
  rig.write(manifest, text.replace(`"micro_f1": ${metric}`, '"micro_f1": 0.999').replace('"seed": 1', '"seed": 2'));
  const words = await flaws(rig, "study");
  expect(words.filter((one) => one.includes(`${run}/manifest.json`))).toEqual([
    expect.stringContaining("configuration and outputs"),
    expect.stringContaining("scores of zero_shot"),
  ]);
});

test("the whole store is read too, and what nobody stored there is named", async ({ rig }) => {
  const { manifest } = await rig.built("experiments/study.yaml");
  expect(await flaws(rig, "--store")).toEqual([]);
  const { steps } = rig.manifest(manifest);
  const folder = join("artifacts/store/objects", steps.data?.object as string);
  rig.write(join(folder, "stranger.txt"), "hello");
  expect(await flaws(rig, "--store")).toEqual([`${folder}/stranger.txt was not stored with the others`]);
  // Without its records an object is still held against its own name.
  rmSync(rig.path("artifacts/store/keys"), { recursive: true });
  expect(await flaws(rig, "--store")).toEqual([`${folder} was changed: its files do not match its name`]);
});

test("there is nothing to verify without a run", async ({ rig }) => {
  expectFailure(await rig.exp("verify"), 2, /run-not-found/);
  expectFailure(await rig.exp("verify", "nothing"), 2, /run-not-found/);
});

test("--repair removes what is wrong and nothing that is whole, and the next run makes it again", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "baselines: []", "baselines: [most_frequent, nearest]");
  const { manifest } = await rig.built("experiments/study.yaml");
  const { steps } = rig.manifest(manifest);
  const object = (step: string): string => join("artifacts/store/objects", steps[step]?.object as string);
  const before = rig.tree();
  const text = rig.read(join(object("evaluate.zero_shot"), "predictions.jsonl"));

  rig.inSecret(join(object("evaluate.zero_shot"), "predictions.jsonl"), () =>
    rig.spoil(join(object("evaluate.zero_shot"), "predictions.jsonl"), text.replace("liver", "lever")),
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
  rig.write("artifacts/store/objects/stranger.txt", "mine");
  const dead = { host: "here", realm: thisProcess().realm, pid: 2 ** 22 + 1, start: "1" };
  rig.write("artifacts/store/locks/dead", `${JSON.stringify(dead)}\n`);
  rig.write("artifacts/store/locks/far", `${JSON.stringify({ ...dead, realm: "another machine" })}\n`);
  rig.write("artifacts/store/running/1-dead", `${JSON.stringify(dead)}\n`);
  rig.write(`artifacts/store/staging/${"0".repeat(64)}.1-dead.abc/half`, "x");

  const wrong = [
    `${join(object("evaluate.zero_shot"), "predictions.jsonl")} was changed`,
    `${join(object("workbook"), "workbook.xlsx")} has 100 bytes`,
    `${join(object("data"), "labels.json")} is missing`,
    `${object("analyse")} is missing, but study/`,
    `${join(object("evaluate.most_frequent"), "extra/notes.txt")} was not stored with the others`,
    `${linked} was replaced by a symlink`,
    `${record("generate.zero_shot")} is torn`,
    `${record("compare")} is not the record of its key`,
    "artifacts/store/objects/stranger.txt was not written by exp",
  ];
  const damaged = rig.tree();
  const found = await flaws(rig, "--store");
  for (const one of wrong) expect(found.filter((flaw) => flaw.startsWith(one))).toHaveLength(1);
  expect(found).toHaveLength(wrong.length);
  expect(rig.tree()).toEqual(damaged);

  expectFailure(await rig.exp("verify", "--repair"), 2, /exp verify --store --repair/);
  const { code, stdout, stderr } = await rig.exp("verify", "--store", "--repair");
  expect(stderr).toContain("left 3 files or folders behind");
  expect(stdout).toMatch(new RegExp(`${object("data")}: deleted`));
  expect(stdout).toMatch(/stranger.txt: kept/);
  expect(code).toBe(3);
  const kept = rig.tree();
  for (const [path, digest] of Object.entries(kept)) {
    if (path.startsWith("store/objects/") && path in before) expect([path, digest]).toEqual([path, before[path]]);
  }
  for (const step of ["generate.zero_shot", "evaluate.nearest", "evaluate.most_frequent", "compare"]) {
    for (const file of Object.keys(steps[step]?.files ?? {})) {
      expect(kept).toHaveProperty([join(object(step), file).replace("artifacts/", "")]);
    }
  }
  expect(Object.keys(kept).filter((path) => /^store\/(locks|running|staging)\//.test(path))).toEqual([
    "store/locks/far",
  ]);

  rig.remove("artifacts/store/objects/stranger.txt");
  rig.remove("artifacts/store/locks/far");
  const again = await rig.built("experiments/study.yaml");
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
