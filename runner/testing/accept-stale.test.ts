/** `--accept-stale`: reuse of a stored result after a change of recipe code, and after no other change. */
import { expect } from "vitest";
import { expectFailure } from "./command.ts";
import { answer, editBaseline, replaceBaseline, withBaseline } from "./replace-baseline.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";
const step = "generate.tfidf_svm";
const accept = ["--accept-stale", step];
const body = `${answer}\n(step.output / "responses.jsonl").write_text(rows)`;

const changeRecipe = (rig: Rig): void => editBaseline(rig, `${body}\nprint("more")`);

test("a result that differs in recipe code only is reused, and the run records it", async ({ rig }) => {
  replaceBaseline(rig, body);
  const before = await rig.build(file, ...withBaseline);
  changeRecipe(rig);
  expect((await rig.plan(file, ...withBaseline))[step]).toMatch(/^run: recipes\/baselines\/tfidf_svm\.py /);
  expect((await rig.plan(file, ...withBaseline, ...accept))[step]).toBe("cached");
  expect(await rig.output("plan", file, ...withBaseline, ...accept)).toMatch(
    /^generate\.tfidf_svm .*stale.*recipes\/baselines\/tfidf_svm\.py/m,
  );

  const run = await rig.build(file, ...withBaseline, ...accept);
  expect(new Set(Object.values(run.steps))).toEqual(new Set(["reused"]));
  expect(run.manifest).not.toBe(before.manifest);
  expect(rig.manifest(run.manifest).steps[step]).toMatchObject({
    stale: ["recipes/baselines/tfidf_svm.py"],
    key: rig.manifest(before.manifest).steps[step]?.key,
  });
  expect(rig.manifest(before.manifest).steps[step]).not.toHaveProperty("stale");
  const notice = /generate\.tfidf_svm.*recipes\/baselines\/tfidf_svm\.py/;
  expect(await rig.output("show", "study")).toMatch(notice);
  expect((await rig.build(file, ...withBaseline, ...accept)).manifest).toBe(run.manifest);
  expect((await rig.build(file, ...withBaseline)).steps[step]).toBe("built");
  expect(await rig.output("show", "study")).not.toMatch(notice);
});

test("changed data are not accepted; a cached step is not affected", async ({ rig }) => {
  replaceBaseline(rig, body);
  await rig.build(file, ...withBaseline);
  expect((await rig.build(file, ...withBaseline, ...accept)).steps[step]).toBe("reused");
  changeRecipe(rig);
  rig.edit("experiments/data/train.csv", '"liver cyst, follow-up"', '"liver cyst"');
  // Before the data step has run, only its own key is known: the baseline fails during the run.
  const ended = await rig.exp("run", file, ...withBaseline, ...accept);
  expectFailure(ended, 1, "nothing-stale", /^generate\.tfidf_svm /m);
  expectFailure(await rig.exp("plan", file, ...withBaseline, ...accept), 2, "nothing-stale", step, /\btrain\b/);
});

test("invalid step names and options are errors before any step runs", async ({ rig }) => {
  expectFailure(await rig.exp("run", file, "--accept-stale", "dat"), 2, "unknown-step");
  expectFailure(await rig.exp("plan", file, "--accept-stale", "dat"), 2, "unknown-step");
  expectFailure(await rig.exp("run", file, "--accept-stale", "data"), 2, "nothing-stale");
  const both = await rig.exp("run", file, "--accept-stale", "data", "--force", "data");
  expectFailure(both, 2, "bad-option", "--force", "--accept-stale");
});
