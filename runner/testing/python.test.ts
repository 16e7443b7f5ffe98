/** Python steps that fail: the error names the cause, and the store has no output of the step. */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { errorCodes, expectFailure } from "./command.ts";
import { processesWith } from "./faults.ts";
import { answer, replaceBaseline, withBaseline } from "./replace-baseline.ts";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";
const secret = "hf_SecretOfThisTest0123456789";
describe("a recipe that", () => {
  const cases: readonly (readonly [what: string, body: string, code: string, ...facts: (string | RegExp)[]])[] = [
    [
      "writes a symlink",
      '(step.output / "responses.jsonl").symlink_to("/etc/passwd")',
      "symlink-output",
      "responses.jsonl",
    ],
    ["writes a folder", '(step.output / "responses.jsonl").mkdir()', "missing-output", "responses.jsonl"],
    ["writes a pipe", 'os.mkfifo(step.output / "responses.jsonl")', "irregular-output", "responses.jsonl"],
    ["writes no output", "pass", "missing-output", "responses.jsonl"],
    ["raises", 'raise ValueError("the rows are odd")', "recipe-error", "ValueError: the rows are odd", "log: "],
    [
      "fails with a code",
      'raise StepFailed("odd-rows", "rows are odd", "make them even")',
      "odd-rows",
      /rows are odd \[odd-rows\]\n {2}help: make them even/,
    ],
    ["exits with 0 and no result", "os._exit(0)", "no-result"],
    ["exits with 3", "os._exit(3)", "crashed", "exit code 3"],
    ["is killed", "os.kill(os.getpid(), 9)", "killed"],
    ["crashes", "os.kill(os.getpid(), 11)", "crashed", "SIGSEGV"],
    ["lacks a package", "import no_such_package_anywhere", "recipe-error", "'no_such_package_anywhere'"],
    ["has no memory left", "raise MemoryError('4 GB wanted')", "out-of-memory", "4 GB wanted"],
  ];
  for (const [what, body, code, ...facts] of cases) {
    test(what, async ({ rig }) => {
      replaceBaseline(rig, body);
      const ended = await rig.exp("run", file, ...withBaseline);
      expectFailure(ended, 1, code, ...facts);
      expect(errorCodes(ended)).toEqual([code]);
      const logs = [...ended.stderr.matchAll(/log: (\S+)/g)].map(([, log]) => rig.path(log as string));
      expect(logs.filter((log) => !existsSync(log))).toEqual([]);
      expect(await rig.plan(file, ...withBaseline)).toMatchObject({
        data: "cached",
        "generate.tfidf_svm": expect.stringMatching(/^run: /),
      });
      expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
    });
  }

  test("starts a process that outlives it: the process ends with the step", async ({ rig }) => {
    const orphan = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(step.output)])';
    replaceBaseline(rig, `${orphan}\n${answer}\n(step.output / "responses.jsonl").write_text(rows)`);
    await rig.build(file, ...withBaseline);
    await sleep(200);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("starts a process: it ends if the runner is killed", async ({ rig }) => {
    const orphan = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(step.output)])';
    replaceBaseline(rig, `${orphan}\nstep.progress(force=True, done=1, total=2)\ntime.sleep(600)`);
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.waitFor(/"progress","step":"generate.tfidf_svm"/);
    expect(processesWith(rig.path("artifacts")).length).toBeGreaterThanOrEqual(2);
    run.process.kill("SIGKILL");
    await run.ended;
    const until = performance.now() + 10_000;
    while (processesWith(rig.path("artifacts")).length > 0 && performance.now() < until) await sleep(50);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("does not stop after Ctrl-C: the second Ctrl-C kills it", async ({ rig }) => {
    replaceBaseline(rig, "step.progress(force=True, done=1, total=2)\nwhile True: time.sleep(1)");
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.waitFor(/"progress","step":"generate.tfidf_svm"/);
    run.process.kill("SIGINT");
    await sleep(500);
    expect(run.process.exitCode).toBe(null);
    run.process.kill("SIGINT");
    const interruptedAt = performance.now();
    expect((await run.ended).code).toBe(130);
    expect(performance.now() - interruptedAt).toBeLessThan(2_000);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("writes undeclared files: only declared outputs are stored", async ({ rig }) => {
    replaceBaseline(
      rig,
      `${answer}\n(step.output / "responses.jsonl").write_text(rows)\n(step.output / "optimizer.pt").write_text("x")`,
    );
    await rig.build(file, ...withBaseline);
    expect(Object.keys(rig.tree("artifacts/store")).filter((name) => name.endsWith(".pt"))).toEqual([]);
  });

  test("reads the environment finds no secrets, and no log contains one", async ({ rig }) => {
    replaceBaseline(
      rig,
      `print(dict(os.environ))\nraise ValueError("token is " + os.environ.get("HF_TOKEN", "absent"))`,
    );
    rig.env = {
      ...rig.env,
      HF_TOKEN: secret,
      OPENAI_API_KEY: "sk-secret-of-this-test",
      AWS_SECRET_ACCESS_KEY: "aws-secret",
    };
    const ended = await rig.exp("run", file, ...withBaseline);
    expectFailure(ended, 1, "recipe-error", "token is absent");
    const logs = readdirSync(rig.path("artifacts/logs")).map((name) => rig.read(`artifacts/logs/${name}`));
    expect(logs.join("")).toContain("token is absent");
    expect(logs.join("")).not.toMatch(/hf_Secret|sk-secret|aws-secret/);
  });

  test("is edited during the run: the planned version runs", async ({ rig }) => {
    replaceBaseline(
      rig,
      `step.progress(force=True, done=1, total=2)\ntime.sleep(1)\n${answer}\nfrom recipes.common import encode\n(step.output / "responses.jsonl").write_text(rows)`,
    );
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.waitFor(/"progress","step":"generate.tfidf_svm"/);
    writeFileSync(join(rig.package, "recipes/common/encode.py"), "raise SystemExit(7)\n");
    expect((await run.ended).code).toBe(0);
  });
});

describe("a model that", () => {
  const tuned = "experiments/tuned.yaml";
  const cases: readonly (readonly [what: string, damage: (folder: string) => void, code: string, fact: string])[] = [
    [
      "has pickled weights is rejected",
      (folder) => {
        rmSync(join(folder, "model.safetensors"));
        writeFileSync(join(folder, "pytorch_model.bin"), "\x80\x02.");
      },
      "pickled-weights",
      "pytorch_model.bin",
    ],
    [
      "has a truncated weights file is rejected",
      (folder) => truncateSync(join(folder, "model.safetensors"), 5_000),
      "damaged-weights",
      "model.safetensors",
    ],
    [
      "lacks its tokenizer is rejected",
      (folder) => rmSync(join(folder, "tokenizer.json")),
      "model-incomplete",
      "tokenizer",
    ],
  ];
  for (const [what, damage, code, fact] of cases) {
    test(what, async ({ rig }) => {
      rig.usePython();
      rig.addTinyModel("qwen3", "models/tiny");
      damage(rig.path("models/tiny"));
      const ended = await rig.exp("run", tuned, "--until", "train");
      expectFailure(ended, 1, code, fact);
      expect(errorCodes(ended)).toEqual([code]);
    });
  }

  test("has too few positions for the longest row fails in preflight, with the id of the row", async ({ rig }) => {
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const ended = await rig.exp("run", tuned, "--until", "train", "--set", "train.max_length=24");
    expectFailure(ended, 1, "target-truncated", /^preflight /m, /\btrain-\d+\b/);
    expect(ended.stdout).not.toMatch(/^train {2}started/m);
  });
});
