/** Files of finished runs, read anew. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Verified } from "../study/verify.ts";
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
    expect.stringContaining("not those that the run is named after"),
    expect.stringContaining("scores of zero_shot are not those of metrics.json"),
  ]);
});

test("the whole store is read too, and what nobody stored there is named", async ({ rig }) => {
  const { manifest } = await rig.built("experiments/study.yaml");
  expect(await flaws(rig, "--store")).toEqual([]);
  const { steps } = rig.manifest(manifest);
  const folder = join("artifacts/store/objects", steps.data?.object as string);
  rig.write(join(folder, "stranger.txt"), "hello");
  expect(await flaws(rig, "--store")).toEqual([`${folder}/stranger.txt is not part of what was stored`]);
  // Without its records an object is still held against its own name.
  rmSync(rig.path("artifacts/store/keys"), { recursive: true });
  expect(await flaws(rig, "--store")).toEqual([`${folder} was changed: its files are not those of its name`]);
});

test("there is nothing to verify without a run", async ({ rig }) => {
  expectFailure(await rig.exp("verify"), 2, /no finished runs yet/);
  expectFailure(await rig.exp("verify", "nothing"), 2, /no finished run "nothing"/);
});
