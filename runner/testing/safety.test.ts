/** What a study that came from elsewhere, or a curious log reader, cannot do. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectFailure, type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";

describe("a template has no way out:", () => {
  const cases: readonly (readonly [what: string, template: string, words: RegExp])[] = [
    ["a variable that is none", "{{#user}}{{secret}}{{/user}}", /"secret" .*\[template\]/],
    ["a prototype", "{{#user}}{{input.constructor.constructor}}{{/user}}", /template/],
    ["a prototype by lookup", '{{#user}}{{lookup input "constructor"}}{{/user}}', /template|^$/],
    ["a partial", "{{#user}}{{> /etc/passwd}}{{/user}}", /template/],
    ["an inline partial", '{{#*inline "x"}}x{{/inline}}{{#user}}{{> x}}{{/user}}', /template|^$/],
    ["the root object", "{{#user}}{{@root.__proto__}}{{/user}}", /template|^$/],
    ["a helper that is none", '{{#user}}{{require "fs"}}{{/user}}', /template/],
    ["text outside of a message", "Hello {{#user}}{{input}}{{/user}}", /text outside of/],
    ["a block that never closes", "{{#user}}{{input}}", /template/],
  ];
  for (const [what, template, words] of cases) {
    test(what, async ({ rig }) => {
      rig.write("prompts/ask.hbs", template);
      const ended = await rig.exp("run", "experiments/tuned.yaml", ...promptOnly(rig));
      if (ended.code === 0) {
        const shown = JSON.stringify(prompts(rig));
        expect(shown).not.toMatch(/native code|function|root:|\[object/);
        expect(words.test("")).toBe(true);
      } else expectFailure(ended, 1, words);
    });
  }

  test("what a case says is never a template, nor escaped", async ({ rig }) => {
    rig.edit("experiments/data/test.csv", "Report 103. The", "Report {{input}} {{> x}} <5mm & 'quoted' $HOME. The");
    await rig.done("run", "experiments/tuned.yaml", ...promptOnly(rig), "--quiet");
    expect(JSON.stringify(prompts(rig))).toContain("Report {{input}} {{> x}} <5mm & 'quoted' $HOME. The");
  });
});

describe("paths lead nowhere but where they should:", () => {
  const names = ["../../escape", "/tmp/escape", "a/b", "..", ".hidden", "a\\u0000b", "latest/../../x"];
  for (const name of names) {
    test(`an experiment named ${name}`, async ({ rig }) => {
      rig.edit(file, "name: study", `name: "${name}"`);
      expectFailure(await rig.exp("run", file), 2, /^experiments\/study\.yaml:2:7: error\[/m);
      expect(existsSync(rig.path("artifacts"))).toBe(false);
      expect(readdirSync(join(rig.folder, "..")).sort()).toEqual(["study"]);
    });
  }

  test("a NUL in a path is a missing file", async ({ rig }) => {
    rig.edit(file, "data/train.csv", '"data/train.csv\\u0000.csv"');
    expectFailure(await rig.exp("run", file), 2, /error\[/);
  });

  test("a case's id is no path", async ({ rig }) => {
    rig.edit("experiments/data/test.csv", "test-3,", "../../../escape,");
    rig.edit("experiments/data/answers.jsonl", '"test-3"', '"../../../escape"');
    await rig.built(file);
    expect(readdirSync(rig.folder).sort()).toEqual(["artifacts", "experiments", "prompts"]);
  });

  test("a sweep's coordinates are no path", async ({ rig }) => {
    rig.write("experiments/data/x,y=z .csv", rig.read("experiments/data/test.csv"));
    rig.write(file, `${rig.read(file)}sweep: {grid: {data.test.file: [data/test.csv, "data/x,y=z .csv"]}}\n`);
    await rig.built(file);
    for (const run of readdirSync(rig.path("artifacts/runs/study"))) expect(run).toMatch(/^[\w.=,+-]+$/);
  });

  test("a run is asked for by name, not by a path out of artifacts", async ({ rig }) => {
    await rig.built(file);
    rig.write("../manifest.json", "{}");
    expectFailure(await rig.exp("show", "../../../etc/passwd"), 2, /exp show: /);
    expectFailure(await rig.exp("show", "experiments"), 2, /run-not-found/);
  });

  test("a symlink among a run's inputs is followed, and its target's bytes count", async ({ rig }) => {
    const rows = rig.read("experiments/data/train.csv");
    rig.write("elsewhere/rows.csv", rows);
    rmSync(rig.path("experiments/data/train.csv"));
    symlinkSync(rig.path("elsewhere/rows.csv"), rig.path("experiments/data/train.csv"));
    await rig.built(file);
    rig.edit("elsewhere/rows.csv", "row 3\n", "another remark\n");
    expect((await rig.built(file)).steps).toMatchObject({ data: "built" });
  });
});

describe("secrets", () => {
  const secret = "hf_SecretOfThisTest0123456789";

  test("are in no artifact, log or message of a run", async ({ rig }) => {
    rig.env = { HF_TOKEN: secret, OPENAI_API_KEY: "sk-secret-of-this-test" };
    const run = await rig.built(file);
    expect(run.stdout + run.stderr).not.toMatch(/hf_Secret|sk-secret/);
    expectNowhere(rig.folder, /hf_Secret|sk-secret/);
  });

  test("that a user wrote into an answer stay the user's", async ({ rig }) => {
    rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', `"${secret}"}\n{"id":"test-1"`);
    expect((await rig.built(file)).stdout).not.toContain(secret);
  });
});

test("nothing in the store may be written by mistake through a run's folder", async ({ rig }) => {
  const { manifest } = await rig.built(file);
  for (const [name, target] of Object.entries(rig.tree("artifacts/runs"))) {
    if (!target.startsWith("-> ") || name.endsWith("latest")) continue;
    const path = rig.path(`artifacts/runs/${name}`);
    expect(statSync(path).mode & 0o222, name).toBe(0);
  }
  expect(existsSync(manifest)).toBe(true);
});

/** Settings under which a run stops at the prompts, for which no model is needed. */
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

/** Asserts that no file below a folder holds what a pattern names. */
function expectNowhere(folder: string, pattern: RegExp): void {
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue;
    expect(pattern.test(readFileSync(path, "latin1")), name).toBe(false);
  }
}
