/** Inputs without bounds, torn files and control characters: each is an error with a code, and no command hangs. */
import { execFileSync } from "node:child_process";
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";

describe("a path that names no regular file is refused without waiting:", () => {
  const cases: Readonly<Record<string, (rig: Rig, path: string) => void>> = {
    extends: (rig, path) => rig.write(file, `extends: ${path}\nname: study\n`),
    "data.train.file": (rig, path) => rig.edit(file, "data/train.csv", path),
    "generate.file": (rig, path) => rig.edit(file, "data/answers.jsonl", path),
    "data.labels.synonyms": (rig, path) => rig.edit(file, 'separator: ","', `separator: ",", synonyms: ${path}`),
    "prompt.template": (rig, path) => rig.edit(file, "prompts/ask.hbs", path),
    "report.notes": (rig, path) => rig.append(file, `report: {notes: ${path}}\n`),
  };
  for (const [key, use] of Object.entries(cases)) {
    test(key, async ({ rig }) => {
      for (const name of ["pipe.csv", "pipe.jsonl"]) execFileSync("mkfifo", [rig.path(join("experiments", name))]);
      use(rig, key === "generate.file" ? "pipe.jsonl" : key === "prompt.template" ? "./pipe.csv" : "pipe.csv");
      expectFailure(await rig.exp("check", file), 2, "not-a-regular-file");
      expectFailure(await rig.exp("run", file), 2, "not-a-regular-file");
    });
  }
});

test("a pipe or a folder in the place of a file of the store is refused without waiting", async ({ rig }) => {
  await rig.build(file);
  const name = (folder: string): string => {
    const [first = ""] = readdirSync(rig.path(folder)).filter((one) => one.endsWith(".json"));
    return join(folder, first);
  };
  const key = name("artifacts/store/keys");
  rig.remove(key);
  for (const make of ["mkfifo", "mkdir"]) {
    execFileSync(make, [rig.path(key)]);
    for (const args of [["run", file], ["verify", "--store"], ["gc"]])
      expectFailure(await rig.exp(...args), 2, "not-a-regular-file", key);
    rig.remove(key);
  }
  const [jobs, claims] = ["artifacts/jobs/20260101-000000-abcd", "artifacts/store/running/other"];
  rig.write(`${jobs}/jobs.json`, "[]");
  rig.write(`${jobs}/plan.json`, '{"schema": 1}');
  expect((await rig.exp("status")).code).toBe(0);
  execFileSync("mkfifo", [rig.path(claims)]);
  expectFailure(await rig.exp("run", file), 2, "not-a-regular-file", claims);
});

test("a file of gigabytes is refused before it is read", async ({ rig }) => {
  for (const [path, size] of [
    ["experiments/data/train.csv", 5e9],
    ["prompts/ask.hbs", 70_000],
  ] as const) {
    const before = rig.read(path);
    rig.write(path, "");
    truncateSync(rig.path(path), size);
    expectFailure(await rig.exp("check", file), 2, "file-too-large");
    rig.write(path, before);
  }
});

test("a template that multiplies its text is refused with its place", async ({ rig }) => {
  rig.write("prompts/ask.hbs", "{{#user}}\n{{#*inline 'a'}}x{{/inline}}{{input}}{{/user}}");
  expectFailure(await rig.exp("preview", file), 1, "template", "line 2, column 1");
});

test("torn evidence is reported and skipped, and exp verify names it", async ({ rig }) => {
  await rig.build(file);
  expect((await rig.exp("verify")).code).toBe(0);
  const [folder = ""] = readdirSync(rig.path("artifacts/ledger"));
  rig.write(`artifacts/ledger/${folder}/2000-torn.json`, "");
  rig.write("artifacts/live/1-torn.json", '{"owner":');
  for (const command of ["show", "compare", "report"]) {
    const { code, stdout, stderr } = await rig.exp(command, "study");
    expect([command, code]).toEqual([command, 0]);
    expect(`${stdout}${stderr}`).toContain("2000-torn.json");
    expect(stderr).not.toMatch(/^\s+at /m);
  }
  const { code, stdout } = await rig.exp("verify");
  expect(code).toBe(3);
  for (const name of ["2000-torn.json", "1-torn.json"]) expect(stdout).toContain(name);
});

test("a snapshot with an added module is restored before a step uses it, and is private under any umask", async ({
  rig,
}) => {
  const before = process.umask(0);
  try {
    await rig.build(file);
    const snapshots = rig.path("artifacts/work/snapshots");
    const [name = ""] = readdirSync(snapshots);
    expect(execFileSync("stat", ["-c", "%a", join(snapshots, name)], { encoding: "utf8" }).trim()).toBe("700");
    rig.write(join(snapshots, name, "sitecustomize.py"), "raise SystemExit(9)");
    await rig.run(file, "--force", "data");
    expect(readdirSync(join(snapshots, name))).not.toContain("sitecustomize.py");
  } finally {
    process.umask(before);
  }
});

test("values in manifests print no control characters, and no formulas in CSV", async ({ rig }) => {
  const name = "=\u001b]0;title\u0007\u001b[2J\u009b1m\u202e";
  rig.edit(file, "target: labels}", `target: ${JSON.stringify(name)}}`);
  for (const path of ["experiments/data/train.csv", "experiments/data/test.csv"])
    rig.edit(path, "id,text,labels,", `id,text,${name},`);
  await rig.build(file);
  for (const args of [
    ["show", "study"],
    ["show", "study", "--json"],
    ["ls"],
    ["ls", "--csv"],
    ["ls", "--keys", "data.columns.target"],
    ["verify"],
  ]) {
    const { stdout, stderr } = await rig.exp(...args);
    expect(`${stdout}${stderr}`.replaceAll("\r\n", "\n")).not.toMatch(/(?![\n\t])\p{Control}|\u202e/u);
  }
  expect((await rig.exp("ls", "--csv")).stdout).toMatch(/,"?'=/);
});
