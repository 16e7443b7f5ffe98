/** The shipped experiments: each is valid and can be planned without network, weights or Python. */
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { PlanJson } from "./command.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const files = readdirSync(join(clone, "experiments")).filter((name) => name.endsWith(".yaml"));

/** Experiments that documentation and notebooks name: a missing file must fail a test. */
const named = ["zero-shot-4b", "zero-shot-8b", "few-shot-8b", "lora-4b", "dora-4b", "qlora-4b", "qlora-8b", "dora-8b"]
  .concat(["full-0.6b", "t4-qlora-4b", "t4-qlora-8b", "lora-8b-2gpu", "radiology-study"])
  .concat(["radiology-study-replay", "incident-titles", "incident-titles-replay"])
  .concat(["repair-orders", "repair-orders-replay"])
  .concat(["quickstart", "quickstart-fast", "cpu-lora", "cpu-dora", "cpu-axolotl"]);

/** Variables that prevent network access: proxies without a server, and a hub that does not exist. */
const offline = {
  HF_ENDPOINT: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
  HTTP_PROXY: "http://127.0.0.1:9",
};

test("exp check accepts every file without a warning; the name of an experiment is that of its file", async ({
  rig,
}) => {
  const paths = files.map((name) => join("experiments", name));
  const { code, stdout, stderr } = await rig.start(["check", ...paths], { cwd: clone, env: offline }).ended;
  expect([code, stderr]).toEqual([0, ""]);
  const checked = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(":")[0]);
  expect(checked).toEqual(expect.arrayContaining(named));
  expect(checked).toEqual(files.map((name) => basename(name, ".yaml")));
});

test("no file needs --trust in a clone of a repository of another author", async ({ rig }) => {
  const folder = rig.path("clone");
  for (const name of ["experiments", "prompts", "package.json"])
    cpSync(join(clone, name), join(folder, name), { recursive: true });
  const git = (...args: readonly string[]) => execFileSync("git", ["-C", folder, ...args], { stdio: "pipe" });
  git("init", "-q");
  git("add", ".");
  git("-c", "user.name=x", "-c", "user.email=other@example.com", "commit", "-qm", "x");
  git("remote", "add", "origin", "https://example.com/x.git");
  const paths = files.map((name) => join("experiments", name));
  const { code, stderr } = await rig.start(["check", ...paths], { cwd: folder, env: offline }).ended;
  expect([code, stderr]).toEqual([0, ""]);
});

for (const name of files) {
  test(`exp plan ${name}`, async ({ rig }) => {
    const args = ["plan", join("experiments", name), "--json"];
    const { code, stdout, stderr } = await rig.start(args, { cwd: clone, env: offline }).ended;
    expect(code, stderr).toBe(0);
    // no-gpu is the only finding that depends on the machine.
    expect([...stderr.matchAll(/(?:warning|error)\[(.*?)\]/g)].filter(([, what]) => what !== "no-gpu")).toEqual([]);
    const ids = (JSON.parse(stdout) as PlanJson).steps.map(({ id }) => id);
    if (ids.includes("winner")) {
      // The winner's test steps and later rungs are planned after the selection before them.
      const first = /^(halving|levers)-/.test(name) ? ["select.1", "rung.2"] : ["select"];
      // A sweep over settings of the data has a step "data" for each.
      const kinds = ids.map((id) => id.replace(/@.*/, ""));
      expect(kinds).toEqual(expect.arrayContaining(["fetch", "data", ...first]));
      return;
    }
    expect(ids).toEqual(expect.arrayContaining(["data", "generate.zero_shot", "evaluate.zero_shot"]));
    // Replayed answers need neither weights nor a training.
    if (name.includes("-replay")) return;
    expect(ids).toContain("fetch");
    if (!name.includes("-shot-")) expect(ids).toEqual(expect.arrayContaining(["train", "evaluate.tuned"]));
  });
}

test("radiology-study has every arm of the study in one comparison", async ({ rig }) => {
  const args = ["plan", "experiments/radiology-study.yaml", "--json"];
  const plan = JSON.parse((await rig.start(args, { cwd: clone, env: offline }).ended).stdout) as PlanJson;
  const scored = plan.steps.filter(({ kind }) => kind === "evaluate").map(({ id }) => id.slice("evaluate.".length));
  const models = ["zero_shot", "tuned", "lora-4b.zero_shot", "lora-4b.tuned", "few-shot-8b.zero_shot"];
  expect(scored).toEqual(expect.arrayContaining([...models, "tfidf_svm"]));
  expect(new Set(scored).size).toBe(scored.length);
  expect(plan.steps.filter(({ kind }) => kind === "data")).toHaveLength(1);
});
