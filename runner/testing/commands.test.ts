/** The command line: usage, help, exit codes, pipes, colours, and the commands that only read. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { parseAllDocuments } from "yaml";
import { commands } from "../commands/index.ts";
import { experimentSchema } from "../config/schema.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";

test("--help lists every command and the exit codes; each command has help", async ({ rig }) => {
  const help = await rig.output("--help");
  const listed = [...help.matchAll(/^ {2}([\w-]+) {2,}\S/gm)].map(([, name]) => name);
  const shown = Object.entries(commands).filter(([, { isHidden }]) => isHidden !== true);
  expect(listed).toEqual(shown.map(([name]) => name));
  for (const code of [0, 1, 2, 3, 130]) expect(help).toMatch(new RegExp(`^Exit codes: .*\\b${code} `, "m"));
  expect(await rig.output("run", "--help")).toContain("--keep-going");
});

test("--version prints the version of the package", async ({ rig }) => {
  const { version } = rig.readJson(join(rig.package, "package.json")) as { version: string };
  expect(await rig.output("--version")).toBe(`${version}\n`);
});

describe("invalid usage exits with 2 and prints the error and a suggestion:", () => {
  const cases: readonly (readonly [args: readonly string[], code: string, ...facts: (string | RegExp)[]])[] = [
    [["rum"], "bad-usage", "'rum'", /help: .*\brun\b/],
    [["run"], "bad-usage", "'file'", /help: run exp run --help/],
    [["train"], "bad-usage", "'train'", /help: run exp --help/],
    [["run", file, "--keepgoing"], "bad-usage", "'--keepgoing'", /help: .*--keep-going/],
    [["ls", "more"], "bad-usage"],
    [["run", file, "--jobs", "none"], "bad-option"],
    [["run", file, "--until", "traim"], "unknown-step", '"traim"', /help: .*generate\.zero_shot/],
    [["run", file, "--force", "dat"], "unknown-step", '"dat"', /help: .*"data"/],
    [["run", file, "--set", "train.rank"], "bad-setting"],
    [["run", file, "--set", "data.colums=1"], "unknown-key", /help: .*"data\.columns"/],
    [["show", "nothing"], "run-not-found"],
    [["why", "nothing", "data"], "run-not-found"],
    [["data", "nothing.yaml"], "missing-file"],
    [["score", "nothing.jsonl"], "missing-file", /^nothing\.jsonl:1:1: /],
    [["score", "experiments"], "not-a-regular-file", /experiments is not a regular file/, /help: .*folders/],
    [["gc", "--max-size", "much"], "bad-option"],
    [["setup", "tensorflow"], "bad-argument"],
    [["setup", "torchtune", "--torch", "tpu"], "bad-option"],
  ];
  for (const [args, code, ...facts] of cases) {
    test(args.join(" "), async ({ rig }) => {
      const ended = await rig.exp(...args);
      expectFailure(ended, 2, code, ...facts);
      expect(ended.stdout).toBe("");
      expect(existsSync(rig.path("artifacts"))).toBe(false);
    });
  }

  test("without a command, exp prints the help", async ({ rig }) => {
    const { code, stdout } = await rig.exp();
    expect([code, stdout]).toEqual([2, expect.stringContaining("Usage: exp")]);
  });
});

describe("a pipe that is closed early is not an error:", () => {
  test("after the first line", async ({ rig }) => {
    await rig.build(file);
    const reading = [["--help"], ["ls"], ["plan", file], ["plan", file, "--json"], ["show", "study"], ["schema"]];
    for (const args of [...reading, ["run", file], ["run", file, "--json"]]) {
      if (args[0] === "run") rig.removeArtifacts();
      const quoted = [process.execPath, join(rig.package, "dist/cli.js"), ...args].map((word) => `'${word}'`).join(" ");
      const script = `set -o pipefail; ${quoted} 2>err | head -1; echo "\${PIPESTATUS[0]}"`;
      const output = execFileSync("bash", ["-c", script], { cwd: rig.folder, encoding: "utf8", env: process.env });
      expect(rig.read("err"), args.join(" ")).toBe("");
      // 141: the shell's exit code of SIGPIPE.
      expect(output.split("\n"), args.join(" ")).toEqual([expect.any(String), expect.stringMatching(/^(0|141)$/), ""]);
    }
  });

  test("output that cannot be written is an error", async ({ rig }) => {
    const script = `'${process.execPath}' '${join(rig.package, "dist/cli.js")}' ls 2>err >/dev/full; echo $?`;
    const output = execFileSync("bash", ["-c", script], { cwd: rig.folder, encoding: "utf8", env: { ...process.env } });
    expect(output).toBe("1\n");
    expect(rig.read("err")).toMatch(/^exp: .*\bENOSPC\b.*\n$/);
  });

  test("a pipe that is closed before the first byte", async ({ rig }) => {
    const run = rig.start(["run", file]);
    run.process.stdout?.destroy();
    const { code, stderr } = await run.ended;
    expect([code, stderr]).toEqual([0, ""]);
  });
});

describe("output", () => {
  const esc = "\u001b";

  test("in a pipe: plain lines without colours or cursor movements", async ({ rig }) => {
    const out = await rig.output("run", file);
    expect(out).not.toContain(esc);
    expect(out).toMatch(/^1 run, 5 steps: 0 cached, 5 to run$/m);
    expect(out).toMatch(/^data {2}started$/m);
    expect(out).toMatch(/^data {2}built in /m);
    expect(out).toMatch(/workbook\.xlsx$/m);
    expect(await rig.output("run", file)).toMatch(/^reused 5 steps: data, /m);
  });

  test("with --quiet: only errors", async ({ rig }) => {
    expect(await rig.output("run", file, "--quiet")).toBe("");
    rig.edit("experiments/data/answers.jsonl", '"test-2"', '"test-x"');
    const { code, stdout, stderr } = await rig.exp("run", file, "--quiet");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/generate\.zero_shot .*\[replay-incomplete\]/);
  });

  test("at a terminal: colours, unless NO_COLOR is set", async ({ rig }) => {
    rig.edit(file, "columns:", "colums:");
    expect(atTerminal(rig, ["check", file])).toContain(`${esc}[`);
    expect(atTerminal(rig, ["check", file], "NO_COLOR=1")).not.toContain(`${esc}[`);
  });

  test("at a terminal under CI: plain lines", async ({ rig }) => {
    const output = atTerminal(rig, ["run", file], "CI=1", "NO_COLOR=1");
    expect(output).toMatch(/data {2}started/);
    expect(output).not.toContain(`${esc}[`);
  });
});

test("plan --resolved prints the configuration of each run, as its manifest has it", async ({ rig }) => {
  const sweep = ["--sweep", "evaluate.bootstrap.seed=1,2"];
  const text = await rig.output("plan", file, "--resolved", ...sweep);
  expect(text).toMatch(/^# study evaluate\.bootstrap\.seed=1\nname: study\n/);
  const configs = parseAllDocuments(text).map((document) => document.toJS());
  expect(configs.map(({ evaluate }) => evaluate.bootstrap.seed)).toEqual([1, 2]);
  expect(await rig.json("plan", file, "--resolved", ...sweep)).toMatchObject({ resolved: configs });
  expect(rig.manifest((await rig.build(file, ...sweep)).manifest).config).toEqual(configs[1]);
});

test("ls shows each run with its primary metric; show one run with its files", async ({ rig }) => {
  expect(await rig.json("ls")).toEqual([]);
  expect(await rig.output("ls")).not.toBe("");
  const { manifest } = await rig.build(file);
  const { run, arms } = rig.manifest(manifest);
  const ls = await rig.output("ls");
  expect(ls).toContain(run);
  expect(ls).toContain("micro_f1 (canonical)");
  const score = arms.zero_shot?.canonical.micro_f1 as number;
  expect(score).toBeGreaterThan(0.3);
  expect(ls).toContain(score.toFixed(3));
  const show = await rig.output("show", "study");
  const paths = [...show.matchAll(/artifacts\/\S+/g)].map(([path]) => path);
  expect(paths.some((path) => path.endsWith("workbook.xlsx"))).toBe(true);
  expect(paths.filter((path) => !existsSync(rig.path(path)))).toEqual([]);
});

test("the folder of a run has its manifest and links to all of its files", async ({ rig }) => {
  const { manifest } = await rig.build(file);
  const folder = join(manifest, "..");
  expect(readdirSync(folder).sort()).toEqual([
    "analysis.json",
    "data",
    "failures.jsonl",
    "manifest.json",
    "workbook.xlsx",
    "zero_shot",
  ]);
  expect(readdirSync(join(folder, "zero_shot")).sort()).toEqual([
    "metrics.json",
    "predictions.jsonl",
    "responses.jsonl",
  ]);
  rig.move("elsewhere");
  const entries = Object.entries(rig.tree("artifacts/runs"));
  const links = entries.filter(([, target]) => target.startsWith("-> "));
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter(([, target]) => target.startsWith("-> /"))).toEqual([]);
  expect(entries.filter(([name]) => !existsSync(rig.path(`artifacts/runs/${name}`)))).toEqual([]);
});

test("gc deletes only objects that no run refers to; --dry-run deletes nothing", async ({ rig }) => {
  await rig.build(file);
  const kept = rig.tree("artifacts/store/objects");
  const answers = rig.read("experiments/data/answers.jsonl");
  rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', '"none"}\n{"id":"test-1"');
  await rig.build(file, "--until", "evaluate.zero_shot");
  const both = rig.tree("artifacts/store/objects");
  const dry = JSON.parse(await rig.output("gc", "--dry-run", "--json"));
  expect(dry.collected).toHaveLength(2);
  expect(rig.tree("artifacts/store/objects")).toEqual(both);
  await rig.output("gc");
  expect(rig.tree("artifacts/store/objects")).toEqual(kept);
  rig.write("experiments/data/answers.jsonl", answers);
  expect(new Set(Object.values((await rig.build(file)).steps))).toEqual(new Set(["reused"]));
});

test("a command works in any folder of the study", async ({ rig }) => {
  mkdirSync(rig.path("experiments/deep/er"), { recursive: true });
  const inside = { cwd: rig.path("experiments/deep/er") };
  expect((await rig.start(["run", "../../study.yaml", "--quiet"], inside).ended).code).toBe(0);
  expect((await rig.start(["show", "study"], inside).ended).stdout).toContain("zero_shot");
  expect(existsSync(rig.path("artifacts/runs/study"))).toBe(true);
});

test("an experiment file outside a study is its own project", async ({ rig }) => {
  const lone = "../lone";
  for (const name of ["data/train.csv", "data/test.csv", "data/answers.jsonl"]) {
    rig.write(`${lone}/${name}`, rig.read(`experiments/${name}`));
  }
  rig.write(`${lone}/prompts/ask.hbs`, rig.read("prompts/ask.hbs"));
  rig.write(`${lone}/study.yaml`, rig.read(file));
  await rig.output("run", `${lone}/study.yaml`, "--quiet");
  expect(existsSync(rig.path(`${lone}/artifacts/runs/study`))).toBe(true);
});

test("schema prints a JSON Schema with every key of an experiment", async ({ rig }) => {
  const schema = JSON.parse(await rig.output("schema"));
  const keys = Object.keys(experimentSchema().properties ?? {});
  expect(keys.length).toBeGreaterThan(8);
  expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining([...keys, "sweep"]));
});

test("doctor describes this machine as text and as JSON, without secrets", async ({ rig }) => {
  rig.env = { HF_TOKEN: "hf_abcdefghijklmnopqrstuvwx" };
  const text = await rig.output("doctor");
  expect(text).toContain(process.versions.node);
  const report = await rig.output("doctor", "--json");
  expect(JSON.parse(report).findings.length).toBeGreaterThan(5);
  expect(text + report).not.toContain("hf_abcdefghijklmnopqrstuvwx");
});

/** The output of a command on a terminal, which `script` of util-linux provides. */
function atTerminal(rig: Rig, args: readonly string[], ...variables: readonly string[]): string {
  const { CI: _ci, NO_COLOR: _color, ...env } = process.env;
  const command = [...variables, process.execPath, join(rig.package, "dist/cli.js"), ...args].join(" ");
  try {
    return execFileSync("script", ["-qec", `env ${command}`, "/dev/null"], {
      cwd: rig.folder,
      encoding: "utf8",
      env: { ...env, TERM: "xterm-256color", EXP_CACHE: rig.path("cache") },
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    return String((error as { stdout: unknown }).stdout);
  }
}
