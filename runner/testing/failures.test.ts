/** Invalid input and failing disks: one error with a code, the exit code, no stack trace and no partial output. */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { cacheRoot } from "../setup/cache.ts";
import { namesIn } from "../util/names-in.ts";
import { errorCodes, expectFailure } from "./command.ts";
import { mountTmpfs, remount } from "./mount.ts";
import { type Rig, test } from "./rig.ts";
import { table } from "./studies.ts";

const file = "experiments/study.yaml";

describe("an invalid experiment exits with 2, prints FILE:LINE:COLUMN and writes nothing:", () => {
  const cases: readonly (readonly [what: string, before: string, after: string, place: string, code: string])[] = [
    ["a key that does not exist", "columns:", "colums:", "6:3", "unknown-key"],
    ["a value of the wrong type", "name: study", "name: [study]", "2:7", "wrong-type"],
    ["a duplicate key", "baselines: []", "name: again", "11:1", "duplicate-key"],
    ["broken YAML", "{engine: replay,", "{engine: replay", "10:\\d+", "yaml-syntax"],
    ["a missing data file", "data/train.csv", "data/none.csv", "4:17", "missing-file"],
    ["a folder in place of a file", "data/train.csv", "data", "4:17", "bad-format"],
    ["a missing column", "input: text", "input: txt", "6:28", "missing-column"],
    ["a missing template", "prompts/ask.hbs", "prompts/none.hbs", "9:20", "missing-template"],
    ["a missing replay file", "data/answers.jsonl", "data/none.jsonl", "10:34", "missing-file"],
    ["a model that is not bundled", "base: smollm2-135m", "base: smollm2-135", "8:15", "unknown-model"],
    ["a hub model without its commit", "base: smollm2-135m", "base: Qwen/Qwen3-4B", "8:15", "unpinned-revision"],
    [
      "a branch in place of a commit",
      "base: smollm2-135m",
      "base: Qwen/Qwen3-4B, revision: main",
      "8:40",
      "unpinned-revision",
    ],
    ["an engine that does not exist", "engine: replay", "engine: replaay", "10:20", "not-one-of"],
    ["no name", "name: study", "description: nameless", "2:1", "missing-key"],
    ["extends of a missing file", "name: study", "name: study\nextends: base.yaml", "3:10", "missing-file"],
    ["extends of itself", "name: study", "name: study\nextends: study.yaml", "3:10", "extends-cycle"],
  ];
  for (const [what, before, after, place, code] of cases) {
    test(what, async ({ rig }) => {
      rig.edit(file, before, after);
      const ended = await rig.exp("run", file);
      expectFailure(ended, 2, code, new RegExp(`^${file}:${place}: error\\[${code}\\]`, "m"));
      expect(ended.stdout).toBe("");
      expect(existsSync(rig.path("artifacts"))).toBe(false);
      expect((await rig.exp("check", file)).stderr).toBe(ended.stderr);
    });
  }

  test("every error at once, each with its frame", async ({ rig }) => {
    rig.edit(file, "columns:", "colums:");
    rig.edit(file, "engine: replay", "engine: replaay");
    rig.edit(file, "model: {base: smollm2-135m}\n", "");
    const ended = await rig.exp("check", file);
    expect(ended.code).toBe(2);
    expect([...errorCodes(ended)].sort()).toEqual(["missing-key", "not-one-of", "unknown-key"]);
    expect(ended.stderr).toMatch(/help: .*"columns"/);
    expect(ended.stderr.match(/\^+/g)).toHaveLength(3);
  });

  test("binary data, an empty file, and text in another encoding", async ({ rig }) => {
    const garbage = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 256));
    rig.write("garbage.yaml", garbage);
    expectFailure(await rig.exp("run", "garbage.yaml"), 2, "not-utf8", /^garbage\.yaml:1:1: error/m);
    rig.write("empty.yaml", "");
    expectFailure(await rig.exp("run", "empty.yaml"), 2, "empty-file", /^empty\.yaml:1:1: error/m);
    rig.write("latin.yaml", Buffer.from(`name: caf\xe9\n`, "latin1"));
    expectFailure(await rig.exp("run", "latin.yaml"), 2, "not-utf8", /^latin\.yaml:1:1: error/m);
  });

  test("aliases that would expand to gigabytes are rejected quickly", async ({ rig }) => {
    const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 12; level++) {
      bomb.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")}]`);
    }
    rig.write("bomb.yaml", `${bomb.join("\n")}\n`);
    const started = performance.now();
    expectFailure(await rig.exp("check", "bomb.yaml"), 2, "too-many-values", /^bomb\.yaml:\d+:\d+: error/m);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("a missing file, and a folder", async ({ rig }) => {
    expectFailure(await rig.exp("run", "none.yaml"), 2, "missing-file", /^none\.yaml:1:1: error/m);
    const named = file.slice(file.indexOf("/") + 1).replace(".yaml", "");
    expectFailure(await rig.exp("run", named), 2, "missing-file", new RegExp(`did you mean ${file}\\?`));
    expectFailure(await rig.exp("run", "experiments"), 2, "missing-file", /^experiments:1:1: error.*folder/m);
  });

  test("one invalid file among valid ones starts none of them", async ({ rig }) => {
    expectFailure(await rig.exp("run", file, "none.yaml"), 2, "missing-file", /^none\.yaml:1:1: error/m);
    expect(existsSync(rig.path("artifacts"))).toBe(false);
  });
});

describe("invalid data fails its step with exit code 1 and the place in the data:", () => {
  test("a row with too many cells", async ({ rig }) => {
    rig.edit("experiments/data/train.csv", "row 3\n", "row 3,one,two\n");
    expectFailure(await rig.exp("run", file), 1, "ragged-row", `${rig.path("experiments/data/train.csv")}:5:1: error`);
  });

  test("two cases with one id", async ({ rig }) => {
    rig.edit("experiments/data/test.csv", "test-4,", "test-3,");
    expectFailure(await rig.exp("run", file), 1, "duplicate-id", "test.csv:6:1: error", '"test-3"');
  });

  test("a quote that never closes", async ({ rig }) => {
    rig.edit("experiments/data/train.csv", "row 47\n", '"row 47\n');
    expectFailure(await rig.exp("run", file), 1, "broken-row", /train\.csv:49:\d+: error/);
  });

  test("binary data in place of rows", async ({ rig }) => {
    rig.write("experiments/data/train.csv", Buffer.concat([Buffer.from("id,text,labels\n"), Buffer.alloc(3000, 0)]));
    expectFailure(await rig.exp("run", file), 1, "ragged-row", "train.csv:2:1: error");
  });

  test("a header without rows", async ({ rig }) => {
    rig.write("experiments/data/train.csv", table("train-", 0));
    expectFailure(await rig.exp("run", file), 1, "no-rows", "train.csv:1:1: error");
  });

  test("test rows that are also training rows, unless the finding is accepted", async ({ rig }) => {
    rig.write("experiments/data/test.csv", table("test-", 9, 0));
    expectFailure(await rig.exp("run", file), 1, "data-audit", "data.accept: [leak]");
    await rig.build(file, "--set", "data.accept=[leak]");
  });

  test("a replayed file with a line that is not JSON", async ({ rig }) => {
    rig.edit("experiments/data/answers.jsonl", '{"id":"test-2"', '{"id:"test-2"');
    expectFailure(await rig.exp("run", file), 1, "replay-line", "answers.jsonl:3:");
  });
});

test("a failed step leaves no run, no record and no staged files; the next run reuses finished steps", async ({
  rig,
}) => {
  const answers = rig.read("experiments/data/answers.jsonl");
  rig.write("experiments/data/answers.jsonl", answers.split("\n").slice(0, 5).join("\n"));
  expectFailure(await rig.exp("run", file), 1, "replay-incomplete", /^generate\.zero_shot .*\b4 of 9 .*\btest-5\b/m);
  expect(readdirSync(rig.path("artifacts/store/keys"))).toHaveLength(1);
  for (const folder of ["staging", "locks", "running"]) {
    expect(readdirSync(rig.path(`artifacts/store/${folder}`)), folder).toEqual([]);
  }
  expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
  rig.write("experiments/data/answers.jsonl", answers);
  expect((await rig.build(file)).steps).toMatchObject({ data: "reused", "generate.zero_shot": "built" });
});

test("--keep-going runs the steps that do not need the failed step", async ({ rig }) => {
  const bad = rig.read(file).replace("name: study", "name: bad").replace("data/answers.jsonl", "data/few.jsonl");
  rig.write("experiments/bad.yaml", bad);
  rig.write("experiments/data/few.jsonl", "");
  const run = await rig.run("experiments/bad.yaml", file, "--keep-going");
  expect(run.code).toBe(1);
  const ends = run.events.flatMap((event) =>
    event.type === "run-end" ? [[event.run.split("/")[0], event.status]] : [],
  );
  expect(ends.map(([, status]) => status).sort()).toEqual(["done", "failed"]);
  expect(Object.values(run.steps).filter((status) => status === "failed")).toHaveLength(1);
  await rig.output("show", "study");
});

test("without the environment of any step, nothing runs, and the command that builds it is named", async ({ rig }) => {
  const baseline = ["--set", "baselines=[tfidf_svm]"];
  const ended = await rig.exp("run", file, ...baseline);
  expectFailure(ended, 2, "environment-missing", /help: .*exp setup torchtune/);
  expect(existsSync(rig.path("artifacts/store/keys"))).toBe(false);
  const planned = await rig.exp("plan", file, ...baseline);
  expect(planned.code).toBe(0);
  expect(planned.stderr).toMatch(/generate\.tfidf_svm: warning\[environment-missing\]/);
  // A step that does not run needs none.
  expect((await rig.exp("run", file, ...baseline, "--until", "data")).code).toBe(0);
});

test("a step that may be reused although its inputs are built again needs no environment", async ({ rig }) => {
  rig.usePython();
  const cache = rig.path("cache");
  mkdirSync(join(cache, "envs"), { recursive: true });
  symlinkSync(join(cacheRoot(), "envs/torchtune"), join(cache, "envs/torchtune"));
  rig.env = { ...rig.env, EXP_CACHE: cache };
  const baseline = ["--set", "baselines=[tfidf_svm]"];
  await rig.build(file, ...baseline);
  rmSync(join(cache, "envs/torchtune"));
  // No step uses the column that changes.
  rig.write("experiments/data/train.csv", rig.read("experiments/data/train.csv").replaceAll(",row ", ",line "));
  const run = await rig.exp("run", file, ...baseline);
  expect([run.code, run.stderr]).toEqual([
    0,
    expect.stringMatching(/generate\.tfidf_svm: warning\[environment-missing\]/),
  ]);
  rig.write("experiments/data/train.csv", rig.read("experiments/data/train.csv").replaceAll("liver", "lung"));
  expectFailure(await rig.exp("run", file, ...baseline), 1, "environment-missing");
});

test("the environments of steps that only the winner of a sweep has are checked before the sweep", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const cache = rig.path("cache");
  mkdirSync(join(cache, "envs"), { recursive: true });
  for (const name of ["envs/torchtune", "models"]) symlinkSync(join(cacheRoot(), name), join(cache, name));
  rig.env = { ...rig.env, EXP_CACHE: cache };
  rig.write(
    "experiments/winner.yaml",
    `extends: tuned.yaml
name: winner
data: {validation: {fraction: 0.2}}
upload: {repo: me/x, base_license: apache-2.0, formats: [gguf]}
sweep: {grid: {train.rank: [4, 8]}, select: {}}
`,
  );
  const ended = await rig.exp("run", "experiments/winner.yaml");
  expectFailure(ended, 2, "environment-missing", /export\.gguf\S*: error.*gguf[\s\S]*help: run exp setup gguf/);
  expect(existsSync(rig.path("artifacts/store/keys"))).toBe(false);
});

test("an environment that was built from another lock file is not used", async ({ rig }) => {
  const own = rig.ownPackage();
  rig.usePython();
  for (const name of readdirSync(join(own, "recipes/locks"))) {
    if (/^torchtune-.*\.lock$/.test(name)) writeFileSync(join(own, "recipes/locks", name), "# other\n", { flag: "a" });
  }
  const ended = await rig.exp("run", file, "--set", "baselines=[tfidf_svm]");
  expectFailure(ended, 2, "environment-stale", /help: .*exp setup torchtune/);
});

describe("if exp cannot write,", () => {
  test("a read-only artifacts folder is an error that names it", async ({ rig, skip }) => {
    if (!mountTmpfs(rig, rig.path("artifacts"), ["size=4m"])) return skip("cannot mount a disk here");
    remount(rig.path("artifacts"), "ro");
    expectFailure(await rig.exp("run", file), 1, "disk", rig.path("artifacts"));
    await rig.output("plan", file);
  });

  test("an artifacts folder without write permission is an error that names it", async ({ rig, skip }) => {
    if (process.getuid?.() === 0) return skip("root can write to every folder");
    mkdirSync(rig.path("artifacts"));
    chmodSync(rig.path("artifacts"), 0o555);
    expectFailure(await rig.exp("run", file), 1, "disk", rig.path("artifacts"));
    chmodSync(rig.path("artifacts"), 0o755);
  });

  test("a file named artifacts is an error that names it", async ({ rig }) => {
    rig.write("artifacts", "");
    expectFailure(await rig.exp("run", file), 1, "disk", rig.path("artifacts"));
  });

  test("a full disk is an error; with free space the next run finishes", async ({ rig, skip }) => {
    if (!mountTmpfs(rig, rig.path("artifacts"), ["size=2m"])) return skip("cannot mount a disk here");
    const ballast = rig.path("artifacts/ballast");
    writeFileSync(ballast, Buffer.alloc(1_968_000));
    rig.write("experiments/data/train.csv", table("train-", 2_000));
    const args = ["--set", "data.accept=[duplicate-input]"];
    expectFailure(await rig.exp("run", file, ...args), 1, "disk-full", "artifacts");
    for (const folder of ["staging", "objects", "keys"])
      expect(namesIn(rig.path(`artifacts/store/${folder}`)), folder).toEqual([]);
    rmSync(ballast);
    rig.write("experiments/data/train.csv", table("train-", 48));
    await rig.build(file);
  });
});

test("a large source that is replaced during its step fails the step", async ({ rig }) => {
  // A source above 4 MiB is not copied into the run's snapshot: exp compares its digest after the step.
  const rows = table("train-", 3_000, 1_000).replaceAll(/row \d+$/gm, "x".repeat(1_500));
  expect(rows.length).toBeGreaterThan(4 * 2 ** 20);
  rig.write("experiments/data/train.csv", rows);
  rig.write("experiments/data/replacement.csv", table("other-", 48));
  const run = rig.start(["run", file, "--json", "--until", "data", "--set", "data.accept=[duplicate-input]"]);
  await run.waitFor(/"step-start","step":"data"/);
  renameSync(rig.path("experiments/data/replacement.csv"), rig.path("experiments/data/train.csv"));
  expectFailure(await run.ended, 1, "source-changed", "train.csv");
  expect(namesIn(rig.path("artifacts/store/keys"))).toEqual([]);
});

test("a dangling symlink in place of a data file is a missing file", async ({ rig }) => {
  rmSync(rig.path("experiments/data/train.csv"));
  symlinkSync("/nowhere/train.csv", rig.path("experiments/data/train.csv"));
  expectFailure(await rig.exp("run", file), 2, "missing-file");
});

describe("exp check finds, without Python:", () => {
  const inputs: Readonly<
    Record<string, { readonly change: (rig: Rig) => void; readonly code: string; readonly at: RegExp }>
  > = {
    "one error for a tab, at its line": {
      change: (rig) => rig.edit(file, "  columns:", "\tcolumns:"),
      code: "yaml-syntax",
      at: /^experiments\/study\.yaml:6:1: error/m,
    },
    "a repeated id, at its row": {
      change: (rig) => rig.append("experiments/data/train.csv", 'train-1,"The liver is normal.",none,x\n'),
      code: "duplicate-id",
      at: /^experiments\/data\/train\.csv:\d+:1: error/m,
    },
    "a column that the file lacks": {
      change: (rig) => rig.edit(file, "target: labels", "target: diagnoses"),
      code: "missing-column",
      at: /diagnoses/,
    },
    "a variable in a value": {
      change: (rig) => rig.edit(file, "prompts/ask.hbs", `"\${HOME}/ask.hbs"`),
      code: "missing-template",
      at: /does not substitute variables/,
    },
  };
  test.for(Object.entries(inputs))("%s", async ([, { change, code, at }], { rig }) => {
    change(rig);
    const ended = await rig.exp("check", file);
    expectFailure(ended, 2, code, at);
    expect(new Set(errorCodes(ended))).toEqual(new Set([code]));
    if (code === "yaml-syntax") expect(errorCodes(ended)).toHaveLength(1);
  });
  test("the path of a key that is given without its section", async ({ rig }) => {
    expectFailure(await rig.exp("check", file, "--set", "rank=4"), 2, "unknown-key", /"train\.rank"/);
  });
  test("a learning rate of 1000", async ({ rig }) => {
    const large = ["--set", "train.learning_rate=1e3", "--set", "model.base=smollm2-135m"];
    const { code, stderr } = await rig.exp("check", "experiments/tuned.yaml", ...large);
    expect([code, stderr.includes("large-learning-rate")]).toEqual([0, true]);
  });
});
