/** Security: templates, names and paths of an untrusted study, and secrets in artifacts and logs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";

describe("a template cannot read anything except its variables:", () => {
  const errors = {
    "an unknown variable": "{{#user}}{{secret}}{{/user}}",
    "a prototype": "{{#user}}{{input.constructor.constructor}}{{/user}}",
    "a partial": "{{#user}}{{> /etc/passwd}}{{/user}}",
    "an inline partial": '{{#*inline "x"}}x{{/inline}}{{#user}}{{> x}}{{/user}}',
    "an unknown helper": '{{#user}}{{require "fs"}}{{/user}}',
    "text outside a message": "Hello {{#user}}{{input}}{{/user}}",
    "an unclosed block": "{{#user}}{{input}}",
  };
  test.for(Object.entries(errors))("%s is an error", async ([, template], { rig }) => {
    rig.write("prompts/ask.hbs", template);
    expectFailure(await rig.exp("run", "experiments/tuned.yaml", ...promptOnly(rig)), 1, "template");
  });

  const rendered = {
    "a prototype by lookup": ['{{#user}}[{{lookup input "constructor"}}]{{/user}}', "[]"],
    "the root object": ["{{#user}}[{{@root.__proto__}}]{{/user}}", "[]"],
  } as const;
  test.for(Object.entries(rendered))("%s renders no other data", async ([, [template, text]], { rig }) => {
    rig.write("prompts/ask.hbs", template);
    await rig.output("run", "experiments/tuned.yaml", ...promptOnly(rig), "--quiet");
    expect(prompts(rig)).toEqual(Array.from({ length: 9 }, () => text));
  });

  test("the text of a case is neither evaluated as a template nor escaped", async ({ rig }) => {
    rig.edit("experiments/data/test.csv", "Report 103. The", "Report {{input}} {{> x}} <5mm & 'quoted' $HOME. The");
    await rig.output("run", "experiments/tuned.yaml", ...promptOnly(rig), "--quiet");
    expect(JSON.stringify(prompts(rig))).toContain("Report {{input}} {{> x}} <5mm & 'quoted' $HOME. The");
  });
});

test("Python imports no module from the folder of a study", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "model");
  rig.edit(file, "smollm2-135m", "../model");
  const marker = rig.path("ran");
  const modules = ["json.py", "importlib.py", "tokenizers.py", "recipes/__init__.py", "recipes/tools/__init__.py"];
  for (const name of modules) rig.write(name, `open(${JSON.stringify(marker)}, "a").write("${name} ")\n`);
  await rig.exp("doctor");
  expect(await rig.output("data", file)).toContain("tokens");
  expect(existsSync(marker)).toBe(false);
});

describe("names and paths stay inside the study:", () => {
  const names = ["../../escape", "/tmp/escape", "a/b", "..", ".hidden", "a\\u0000b", "latest/../../x"];
  for (const name of names) {
    test(`an experiment named ${name}`, async ({ rig }) => {
      rig.edit(file, "name: study", `name: "${name}"`);
      expectFailure(await rig.exp("run", file), 2, "bad-format", /^experiments\/study\.yaml:2:7: error/m);
      expect(existsSync(rig.path("artifacts"))).toBe(false);
      expect(readdirSync(join(rig.folder, "..")).sort()).toEqual(["study"]);
    });
  }

  test("a NUL in a path is a missing file", async ({ rig }) => {
    rig.edit(file, "data/train.csv", '"data/train.csv\\u0000.csv"');
    expectFailure(await rig.exp("run", file), 2, "missing-file");
  });

  test("the id of a case is not used as a path", async ({ rig }) => {
    rig.edit("experiments/data/test.csv", "test-3,", "../../../escape,");
    rig.edit("experiments/data/answers.jsonl", '"test-3"', '"../../../escape"');
    await rig.build(file);
    expect(readdirSync(rig.folder).sort()).toEqual(["artifacts", "experiments", "prompts"]);
  });

  test("the coordinates of a sweep are not used as a path", async ({ rig }) => {
    rig.write("experiments/data/x,y=z .csv", rig.read("experiments/data/test.csv"));
    rig.write(file, `${rig.read(file)}sweep: {grid: {data.test.file: [data/test.csv, "data/x,y=z .csv"]}}\n`);
    await rig.build(file);
    const runs = readdirSync(rig.path("artifacts/runs/study"));
    expect(runs).toHaveLength(3);
    for (const run of runs) expect(run).toMatch(/^[\w.=,+-]+$/);
  });

  test("exp show reads no file that is not a manifest", async ({ rig }) => {
    await rig.build(file);
    rig.write("../manifest.json", "{}");
    const other = await rig.exp("show", "../../../../../../../../etc/passwd");
    expectFailure(other, 2, "manifest-unreadable");
    expectFailure(await rig.exp("show", "experiments"), 2, "run-not-found");
  });

  test("a symlink among a run's inputs is followed, and the content of its target counts", async ({ rig }) => {
    const rows = rig.read("experiments/data/train.csv");
    rig.write("elsewhere/rows.csv", rows);
    rmSync(rig.path("experiments/data/train.csv"));
    symlinkSync(rig.path("elsewhere/rows.csv"), rig.path("experiments/data/train.csv"));
    await rig.build(file);
    rig.edit("elsewhere/rows.csv", "row 3\n", "another remark\n");
    expect((await rig.build(file)).steps).toMatchObject({ data: "built" });
  });
});

describe("secrets", () => {
  const secret = "hf_SecretOfThisTest0123456789";

  test("are in no artifact, log or message of a run", async ({ rig }) => {
    rig.env = { HF_TOKEN: secret, OPENAI_API_KEY: "sk-secret-of-this-test" };
    const run = await rig.build(file);
    expect(run.stdout + run.stderr).not.toMatch(/hf_Secret|sk-secret/);
    expectInNoFile(rig.folder, /hf_Secret|sk-secret/);
  });

  test("in an answer are not printed", async ({ rig }) => {
    rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', `"${secret}"}\n{"id":"test-1"`);
    expect((await rig.build(file)).stdout).not.toContain(secret);
  });
});

test("stored files that a run's folder links to are read-only", async ({ rig }) => {
  await rig.build(file);
  const links = Object.entries(rig.tree("artifacts/runs")).filter(
    ([name, target]) => target.startsWith("-> ") && !name.endsWith("latest"),
  );
  expect(links.length).toBeGreaterThan(5);
  const writable = links.filter(([name]) => (statSync(rig.path(`artifacts/runs/${name}`)).mode & 0o222) !== 0);
  expect(writable).toEqual([]);
});

/** Arguments that stop a run after the prompts, which need no model. */
function promptOnly(rig: Rig): readonly string[] {
  mkdirSync(rig.path("models/tiny"), { recursive: true });
  rig.write("models/tiny/config.json", '{"model_type": "qwen3"}');
  return ["--until", "prompt.tuned"];
}

/** The prompts that were rendered. */
function prompts(rig: Rig): readonly string[] {
  const objects = rig.path("artifacts/store/objects");
  return readdirSync(objects)
    .map((object) => join(objects, object, "eval.jsonl"))
    .filter(existsSync)
    .flatMap((path) => readFileSync(path, "utf8").trim().split("\n"))
    .map((line) => (JSON.parse(line) as { messages: readonly { content: string }[] }).messages.at(-1)?.content ?? "");
}

/** Asserts that no file below a folder contains a match of a pattern. */
function expectInNoFile(folder: string, pattern: RegExp): void {
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue;
    expect(pattern.test(readFileSync(path, "latin1")), name).toBe(false);
  }
}
