/** The command line on every Node.js that exp supports, each from npm's package `node`. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect } from "vitest";
import { cacheRoot } from "../setup/cache.ts";
import { expectFailure, parseEvents } from "./command.ts";
import { oncePerMachine } from "./once-per-machine.ts";
import { type Rig, test } from "./rig.ts";

describe.each(["20.19", "22", "24"])("Node %s", (version) => {
  let node: string;
  beforeAll(() => {
    node = install(version);
  }, 600_000);

  const exp = (rig: Rig, ...args: readonly string[]) => rig.start(args, { node }).ended;

  test("runs a study, runs it again from the cache, and reads it", async ({ rig }) => {
    const file = "experiments/study.yaml";
    const { stdout } = await rig.start(["doctor", "--json"], { node }).ended;
    expect(stdout).toContain(`"${execFileSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).trim()}"`);
    expect(await exp(rig, "check", file)).toMatchObject({ code: 0, stderr: "" });
    expect(await exp(rig, "plan", file)).toMatchObject({ code: 0, stderr: "" });
    const first = parseEvents(await exp(rig, "run", file, "--json"));
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(new Set(Object.values(first.steps))).toEqual(new Set(["built"]));
    const second = parseEvents(await exp(rig, "run", file, "--json"));
    expect(new Set(Object.values(second.steps))).toEqual(new Set(["reused"]));
    expect(second.manifest).toBe(first.manifest);
    expect(JSON.parse((await exp(rig, "show", "study", "--json")).stdout)).toMatchObject({ experiment: "study" });
    expect(JSON.parse((await exp(rig, "ls", "--json")).stdout)).toHaveLength(1);
    expect(JSON.parse((await exp(rig, "why", "study", "data", "--json")).stdout)).toMatchObject({ status: "cached" });
  });

  test("reuses the results of another version of Node", async ({ rig }) => {
    await rig.build("experiments/study.yaml");
    const { steps } = parseEvents(await exp(rig, "run", "experiments/study.yaml", "--json"));
    expect(new Set(Object.values(steps))).toEqual(new Set(["reused"]));
  });

  test("reports an invalid experiment and an unknown command", async ({ rig }) => {
    rig.edit("experiments/study.yaml", "columns:", "colums:");
    expectFailure(await exp(rig, "run", "experiments/study.yaml"), 2, "unknown-key", /:6:3: error/);
    expectFailure(await exp(rig, "rum"), 2, "bad-usage", "'rum'");
  });

  test("runs Python steps, and Ctrl-C stops them", async ({ rig }) => {
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const file = "experiments/tuned.yaml";
    const run = rig.start(["run", file, "--json", "--until", "preflight"], { node });
    await run.waitFor(/"step-start","step":"preflight"/);
    run.process.kill("SIGINT");
    expect((await run.ended).code).toBe(130);
    const { code, stderr } = await exp(rig, "run", file, "--json", "--until", "preflight");
    expect([code, stderr]).toEqual([0, ""]);
  });
});

/** The interpreter of a version. */
function install(version: string): string {
  const folder = oncePerMachine(join(cacheRoot(), "test-nodes", version), (partial) => {
    writeFileSync(join(partial, "package.json"), '{"private": true}\n');
    const args = ["install", "--no-audit", "--no-fund", "--no-save", `node@${version}`];
    execFileSync("npm", args, { cwd: partial, stdio: "pipe" });
  });
  return join(folder, "node_modules/node/bin/node");
}
