/** `--accept-stale`: a stored result in spite of changed recipe code, and in spite of nothing else. */
import { expect } from "vitest";
import { answer, editBaseline, replaceBaseline, withBaseline } from "./baseline.ts";
import { expectFailure, type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";
const step = "generate.tfidf_svm";
const accept = ["--accept-stale", step];
const body = `${answer}\n(step.output / "responses.jsonl").write_text(rows)`;

const changeRecipe = (rig: Rig): void => editBaseline(rig, `${body}\nprint("more")`);

test("what recipe code alone has changed is reused, and the run says so", async ({ rig }) => {
  replaceBaseline(rig, body);
  const before = await rig.built(file, ...withBaseline);
  changeRecipe(rig);
  expect((await rig.plan(file, ...withBaseline))[step]).toMatch(/^run: recipes\/baselines\/tfidf_svm\.py changed/);
  expect((await rig.plan(file, ...withBaseline, ...accept))[step]).toBe("cached");
  expect(await rig.done("plan", file, ...withBaseline, ...accept)).toMatch(/stale result accepted: recipes\/baselines/);

  const run = await rig.built(file, ...withBaseline, ...accept);
  expect(new Set(Object.values(run.steps))).toEqual(new Set(["reused"]));
  expect(run.manifest).not.toBe(before.manifest);
  expect(rig.manifest(run.manifest).steps[step]).toMatchObject({
    stale: ["recipes/baselines/tfidf_svm.py"],
    key: rig.manifest(before.manifest).steps[step]?.key,
  });
  expect(rig.manifest(before.manifest).steps[step]).not.toHaveProperty("stale");
  const said = /generate\.tfidf_svm.*recipes\/baselines\/tfidf_svm\.py/;
  expect(await rig.done("show", "study")).toMatch(said);
  expect((await rig.built(file, ...withBaseline, ...accept)).manifest).toBe(run.manifest);
  expect((await rig.built(file, ...withBaseline)).steps[step]).toBe("built");
  expect(await rig.done("show", "study")).not.toMatch(said);
});

test("changed data are never accepted; what is cached anyway needs no acceptance", async ({ rig }) => {
  replaceBaseline(rig, body);
  await rig.built(file, ...withBaseline);
  expect((await rig.built(file, ...withBaseline, ...accept)).steps[step]).toBe("reused");
  changeRecipe(rig);
  rig.edit("experiments/data/train.csv", '"liver cyst, follow-up"', '"liver cyst"');
  // Until the data are read, only the data step's own key is known.
  const ended = await rig.exp("run", file, ...withBaseline, ...accept);
  expectFailure(ended, 1, /generate\.tfidf_svm failed: .*\[nothing-stale\]/);
  expectFailure(
    await rig.exp("plan", file, ...withBaseline, ...accept),
    2,
    /upstream train changed.*\[nothing-stale\]/,
  );
});

test("nonsense is refused before anything runs", async ({ rig }) => {
  expectFailure(await rig.exp("run", file, "--accept-stale", "dat"), 2, /unknown-step/);
  expectFailure(await rig.exp("plan", file, "--accept-stale", "dat"), 2, /unknown-step/);
  expectFailure(await rig.exp("run", file, "--accept-stale", "data"), 2, /nothing-stale/);
  const both = await rig.exp("run", file, "--accept-stale", "data", "--force", "data");
  expectFailure(both, 2, /bad-option/);
});
