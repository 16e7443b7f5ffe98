/** Python steps that fail or misbehave: the user sees the cause, and nothing of it gets into the store. */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { answer, replaceBaseline, withBaseline } from "./baseline.ts";
import { expectFailure, processesWith, test } from "./rig.ts";

const file = "experiments/study.yaml";
const secret = "hf_SecretOfThisTest0123456789";
describe("a recipe that", () => {
  const cases: readonly (readonly [what: string, body: string, words: RegExp])[] = [
    ["answers with a symlink", '(step.output / "responses.jsonl").symlink_to("/etc/passwd")', /symlink/],
    ["answers with a folder", '(step.output / "responses.jsonl").mkdir()', /responses\.jsonl/],
    ["answers with a pipe", 'os.mkfifo(step.output / "responses.jsonl")', /responses\.jsonl/],
    ["answers nothing", "pass", /responses\.jsonl/],
    ["raises", 'raise ValueError("the rows are odd")', /ValueError: the rows are odd[\s\S]*log: /],
    [
      "fails with a code",
      'raise StepFailed("odd-rows", "rows are odd", "make them even")',
      /rows are odd \[odd-rows\]\n {2}help: make them even/,
    ],
    ["exits with 0 and no result", "os._exit(0)", /ended without an answer/],
    ["exits with 3", "os._exit(3)", /exit code 3/],
    ["is killed", "os.kill(os.getpid(), 9)", /killed/],
    ["crashes", "os.kill(os.getpid(), 11)", /crashed \(SIGSEGV\)/],
    ["lacks a package", "import no_such_package_anywhere", /No module named 'no_such_package_anywhere'/],
    ["has no memory left", "raise MemoryError('4 GB wanted')", /out of memory/],
  ];
  for (const [what, body, words] of cases) {
    test(what, async ({ rig }) => {
      replaceBaseline(rig, body);
      const ended = await rig.exp("run", file, ...withBaseline);
      expectFailure(ended, 1, words);
      expect(ended.stderr.match(/ failed: /g)).toHaveLength(1);
      const log = /log: (\S+)/.exec(ended.stderr)?.[1];
      if (log !== undefined) expect(existsSync(join(rig.folder, log)) || existsSync(log)).toBe(true);
      expect(await rig.plan(file, ...withBaseline)).toMatchObject({
        data: "cached",
        "generate.tfidf_svm": "run: never built",
      });
      expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
    });
  }

  test("leaves a process behind: it ends with the step", async ({ rig }) => {
    const orphan = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(step.output)])';
    replaceBaseline(rig, `${orphan}\n${answer}\n(step.output / "responses.jsonl").write_text(rows)`);
    await rig.built(file, ...withBaseline);
    await sleep(200);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("leaves a process behind when the runner is killed: it ends too", async ({ rig }) => {
    const orphan = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(step.output)])';
    replaceBaseline(rig, `${orphan}\nstep.progress(force=True, done=1, total=2)\ntime.sleep(600)`);
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.says(/"progress","step":"generate.tfidf_svm"/);
    expect(processesWith(rig.path("artifacts")).length).toBeGreaterThanOrEqual(2);
    run.process.kill("SIGKILL");
    await run.ended;
    const until = performance.now() + 10_000;
    while (processesWith(rig.path("artifacts")).length > 0 && performance.now() < until) await sleep(50);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("will not stop: a second Ctrl-C ends it at once", async ({ rig }) => {
    replaceBaseline(rig, "step.progress(force=True, done=1, total=2)\nwhile True: time.sleep(1)");
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.says(/"progress","step":"generate.tfidf_svm"/);
    run.process.kill("SIGINT");
    await sleep(500);
    expect(run.process.exitCode).toBe(null);
    run.process.kill("SIGINT");
    const asked = performance.now();
    expect((await run.ended).code).toBe(130);
    expect(performance.now() - asked).toBeLessThan(2_000);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("writes beside its outputs: only what was declared is stored", async ({ rig }) => {
    replaceBaseline(
      rig,
      `${answer}\n(step.output / "responses.jsonl").write_text(rows)\n(step.output / "optimizer.pt").write_text("x")`,
    );
    await rig.built(file, ...withBaseline);
    expect(Object.keys(rig.tree("artifacts/store")).filter((name) => name.endsWith(".pt"))).toEqual([]);
  });

  test("looks for secrets finds none, and what it prints of one is not kept", async ({ rig }) => {
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
    expectFailure(ended, 1, /token is absent/);
    for (const name of readdirSync(rig.path("artifacts/logs"))) {
      expect(rig.read(`artifacts/logs/${name}`)).not.toMatch(/hf_Secret|sk-secret|aws-secret/);
    }
  });

  test("is edited while it runs: what was planned is what runs", async ({ rig }) => {
    replaceBaseline(
      rig,
      `step.progress(force=True, done=1, total=2)\ntime.sleep(1)\n${answer}\nfrom recipes.common import encode\n(step.output / "responses.jsonl").write_text(rows)`,
    );
    const run = rig.start(["run", file, "--json", ...withBaseline]);
    await run.says(/"progress","step":"generate.tfidf_svm"/);
    writeFileSync(join(rig.package, "recipes/common/encode.py"), "raise SystemExit(7)\n");
    expect((await run.ended).code).toBe(0);
  });
});

describe("a model that", () => {
  const tuned = "experiments/tuned.yaml";
  const cases: readonly (readonly [what: string, spoil: (folder: string) => void, words: RegExp])[] = [
    [
      "has pickles for weights is refused",
      (folder) => {
        rmSync(join(folder, "model.safetensors"));
        writeFileSync(join(folder, "pytorch_model.bin"), "\x80\x02.");
      },
      /safetensors/,
    ],
    [
      "has a truncated weights file is refused",
      (folder) => truncateSync(join(folder, "model.safetensors"), 5_000),
      /model\.safetensors/,
    ],
    ["lacks its tokenizer is refused", (folder) => rmSync(join(folder, "tokenizer.json")), /tokenizer/],
  ];
  for (const [what, spoil, words] of cases) {
    test(what, async ({ rig }) => {
      rig.usePython();
      rig.addTinyModel("qwen3", "models/tiny");
      spoil(rig.path("models/tiny"));
      const ended = await rig.exp("run", tuned, "--until", "train");
      expectFailure(ended, 1, words);
      expect(ended.stderr.match(/ failed: /g)).toHaveLength(1);
    });
  }

  test("cannot take the longest row fails before the training, with the row's name", async ({ rig }) => {
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const ended = await rig.exp("run", tuned, "--until", "train", "--set", "train.max_length=24");
    expectFailure(ended, 1, /preflight failed: .*(\n.*)*train-\d+/);
    expect(ended.stdout).not.toMatch(/^train {2}started/m);
  });
});
