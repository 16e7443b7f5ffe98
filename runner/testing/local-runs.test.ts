/** exp status and exp logs of runs on this machine, while they run and after their end. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { test } from "./rig.ts";
import { addSimulatedTraining } from "./simulated-training.ts";

type Shown = readonly {
  readonly run: string;
  readonly job: string | null;
  readonly state: string;
  readonly at: string;
  readonly steps: readonly { readonly step: string; readonly state: string; readonly log: string | null }[];
}[];

test("status and logs show a running experiment and its finished run", async ({ rig }) => {
  const file = addSimulatedTraining(rig, "");
  const gate = rig.path("go-on");
  const recipe = join(rig.package, "recipes/torchtune/train.py");
  const waiting = [
    "    import pathlib, time",
    `    print("\\x1b[2Jepoch one begins", flush=True)`,
    `    step.progress(done=3, total=8, unit="steps", force=True)`,
    `    while not pathlib.Path(${JSON.stringify(gate)}).exists(): time.sleep(0.05)`,
    `    print("epoch two ends", flush=True)`,
  ];
  const lines = readFileSync(recipe, "utf8").split("\n");
  lines.splice(lines.indexOf("def run(step):") + 1, 0, ...waiting);
  writeFileSync(recipe, lines.join("\n"));
  expect(await rig.output("status")).toMatch(/^nothing is running here\b/);
  expect(JSON.parse(await rig.output("status", "--json"))).toEqual([]);

  const started = rig.start(["run", file, "--json"]);
  await started.waitFor(/"type":"progress","step":"train","?.*"done":3/);
  const live = async (): Promise<Shown> => await rig.json<Shown>("status", "simulated");
  let shown = await live();
  while (!shown[0]?.at.includes("3/8")) shown = await live();
  expect(shown).toMatchObject([
    { run: file, job: null, state: "running", at: expect.stringMatching(/^train {2}37% /) },
  ]);
  expect(await rig.output("status")).toMatch(
    /^experiments\/simulated\.yaml: running, \d+ of \d+ steps ended\n[\s\S]*train +running +37% +3\/8 steps/,
  );
  const log = "== train: python -m recipes.torchtune.train ==\nepoch one begins\n";
  expect(await rig.output("logs", file)).toBe(`== train, running ==\n${log}`);
  const followed = rig.start(["logs", "-f", "simulated", "train"]);
  await followed.waitFor(/epoch one begins/);
  rig.write("go-on", "");
  expect((await started.ended).code).toBe(0);
  expect(await followed.ended).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/epoch one begins\nepoch two ends\n/),
  });

  const [run] = await rig.json<Shown>("status", "simulated");
  expect(run).toMatchObject({ state: "done", at: "" });
  const train = run?.steps.find(({ step }) => step === "train");
  expect([train?.state, existsSync(train?.log ?? "")]).toEqual(["done", true]);
  expect(await rig.output("status", "simulated")).toMatch(/: done, (\d+) of \1 steps ended\n[\s\S]*^train +done +\d/m);
  expect(await rig.output("logs", "simulated", "train")).toBe(`${log}epoch two ends\n`);
  expect(await rig.output("logs", "simulated")).toContain(`== train, done ==\n${log}epoch two ends\n`);

  const absent = await rig.exp("logs", "simulated", "data");
  expect([absent.code, absent.stderr]).toEqual([2, expect.stringMatching(/"data" of simulated\b[\s\S]*\btrain\b/)]);
  expect((await rig.exp("logs", "unknown")).code).toBe(2);
});
