/** `exp gc` deletes snapshots and work folders that nothing refers to. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { replaceBaseline, withBaseline } from "./replace-baseline.ts";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";

test("gc deletes snapshots and the work of finished steps; only --work deletes the work of unfinished steps", async ({
  rig,
}) => {
  await rig.build(file);
  const [done = ""] = namesIn(rig.path("artifacts/store/keys")).map((name) => name.replace(".json", ""));
  expect((rig.readJson(`artifacts/store/keys/${done}.json`) as StoreRecord).key).toBe(done);
  const open = "0".repeat(64);
  for (const key of [done, open]) rig.write(`artifacts/work/${key}/checkpoint`, "x".repeat(1000));
  expect(namesIn(rig.path("artifacts/work/snapshots"))).toHaveLength(1);
  rig.write("artifacts/predictions/0123456789abcdef/rows/rows.jsonl", "{}\n");
  const before = rig.tree();

  const dry = JSON.parse(await rig.output("gc", "--dry-run", "--json"));
  expect(dry).toMatchObject({ collected: [], work: [{ name: done, bytes: 1000 }], snapshots: [{}] });
  expect(rig.tree()).toEqual(before);
  expect(await rig.output("gc")).toMatch(/\b1 work folder\b.*\n.*\b1 snapshot\b/);
  expect(namesIn(rig.path("artifacts/work")).toSorted()).toEqual([open, "snapshots"]);
  expect(namesIn(rig.path("artifacts/work/snapshots"))).toEqual([]);
  expect(namesIn(rig.path("artifacts/predictions"))).toHaveLength(1);
  expect(await rig.output("gc", "--work")).toContain("1 interrupted prediction");
  expect(namesIn(rig.path("artifacts/work"))).toEqual(["snapshots"]);
  expect(namesIn(rig.path("artifacts/predictions"))).toEqual([]);
  expect(new Set(Object.values((await rig.build(file)).steps))).toEqual(new Set(["reused"]));
});

test("several gcs at once delete everything once, and none fails", async ({ rig }) => {
  await rig.build(file);
  for (let at = 0; at < 60; at++) {
    const name = at.toString(16).padStart(64, "0");
    rig.write(`artifacts/store/objects/${name}/file`, "x".repeat(1000));
    rig.write(`artifacts/work/${name}/deep/checkpoint`, "x");
    rig.write(`artifacts/work/snapshots/${name.slice(0, 32)}/recipes/a.py`, "x");
    rig.write(`artifacts/jobs/snapshots/${name.slice(0, 32)}/recipes/a.py`, "x");
  }
  const ended = await Promise.all(
    [[], ["--work"], ["--dry-run"], ["--work"], []].map((options) => rig.exp("gc", ...options)),
  );
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, ""]));
  expect(namesIn(rig.path("artifacts/work"))).toEqual(["snapshots"]);
  expect(namesIn(rig.path("artifacts/work/snapshots"))).toEqual([]);
  expect(namesIn(rig.path("artifacts/store/objects")).filter((name) => name.startsWith("0000"))).toEqual([]);
  expect(namesIn(rig.path("artifacts/store/staging"))).toEqual([]);
});

test("gc keeps what a running process uses, even with --work, and deletes it after the process has ended", async ({
  rig,
}) => {
  replaceBaseline(
    rig,
    '(step.work / "state").write_text("1")\nstep.progress(force=True, done=1, total=2)\ntime.sleep(600)',
  );
  const run = rig.start(["run", file, "--json", ...withBaseline]);
  await run.waitFor(/"progress","step":"generate.tfidf_svm"/);
  const none = { work: [], snapshots: [] };
  expect(await rig.json("gc", "--work")).toMatchObject(none);
  run.process.kill("SIGKILL");
  await run.ended;
  await sleep(100);
  expect(await rig.json("gc")).toMatchObject({ work: [], snapshots: [{}] });
  expect(await rig.json("gc", "--work")).toMatchObject({ work: [{}], snapshots: [] });
});
