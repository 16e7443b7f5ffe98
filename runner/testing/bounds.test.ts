/** Inputs without bounds, torn files and control characters: each is an error with a code, and no command hangs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { startServer } from "./chat-server.ts";
import { errorCodes, expectFailure } from "./command.ts";
import { reseal } from "./reseal.ts";
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

test("notes with deeply nested quotes or lists are refused", async ({ rig }) => {
  rig.append(file, "report: {notes: notes.md}\n");
  const lists = Array.from({ length: 2_000 }, (_, at) => `${" ".repeat(at)}- x\n`).join("");
  for (const text of [`${"> ".repeat(3_000)}x`, `${"- ".repeat(3_000)}x`, lists]) {
    rig.write("experiments/notes.md", `## Discussion\n\n${text}\n`);
    await rig.build(file);
    expectFailure(await rig.exp("report", "study"), 2, "notes-too-deep");
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

describe("no value prints a control character:", () => {
  const hostile = "\u001b]0;title\u0007\u001b[2J\u009b31m\u202e";
  const controls = /(?![\n\t])\p{Control}|[\u202a-\u202e\u2066-\u2069]/u;

  /** Runs a command, asserts that it prints no control character, and returns what it printed. */
  async function expectClean(rig: Rig, ...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await rig.exp(...args);
    const printed = `${stdout}${stderr}`.replaceAll("\r\n", "\n");
    expect(printed, args.join(" ")).not.toMatch(controls);
    return printed;
  }

  /** The same for a command that prints a hostile value. */
  async function expectEscaped(rig: Rig, ...args: readonly string[]): Promise<void> {
    expect(await expectClean(rig, ...args), args.join(" ")).toMatch(/\\u001b|\\u202e/);
  }

  test("labels, ids and answers of data files", async ({ rig }) => {
    for (const path of ["experiments/data/train.csv", "experiments/data/test.csv"])
      rig.write(path, rig.read(path).replaceAll("liver", `liver${hostile}`).replaceAll("-1,", `-1${hostile},`));
    await rig.exp("run", file);
    rig.edit("experiments/data/answers.jsonl", '"test-1"', JSON.stringify(`test-1${hostile}`));
    for (const command of ["data", "preview", "run", "show"])
      await expectClean(rig, command, command === "show" ? "study" : file);
    rig.write("pred.jsonl", `${JSON.stringify({ id: hostile, gold: [hostile], pred: [hostile] })}\n`);
    await expectEscaped(rig, "score", "pred.jsonl");
    rig.append("pred.jsonl", `${JSON.stringify({ id: hostile, gold: [hostile], pred: 7 })}\n`);
    await expectClean(rig, "score", "pred.jsonl");
  });

  test("manifests: their settings, software and hardware", async ({ rig }) => {
    const { manifest: path } = await rig.build(file);
    const shared = rig.path("shared");
    await rig.output("push", shared, "study");
    const manifest = rig.manifest(path) as unknown as Record<string, Record<string, unknown>>;
    Object.assign(manifest.provenance ?? {}, { os: hostile, git: { commit: hostile, dirty: false }, exp: hostile });
    Object.assign(manifest.config?.data ?? {}, { accept: [hostile] });
    Object.assign(manifest, { set: [`data.test.limit=${hostile}`], file: `x${hostile}.yaml`, coordinates: hostile });
    Object.assign(manifest.steps?.["generate.zero_shot"] ?? {}, { stale: [hostile], evidence: { device: hostile } });
    rig.write("downloads/manifest.json", reseal(JSON.stringify(manifest)));
    for (const args of [
      ["diff", "study", "downloads"],
      ["verify", "downloads"],
      ["reproduce", "downloads"],
      ["upload", "downloads"],
      ["why", "downloads", "data"],
      ["show", "downloads"],
      ["compare", "downloads"],
    ])
      await expectClean(rig, ...args);
    rig.write(join(shared, `runs/study${hostile.replaceAll("/", "")}/1.json`), "{}");
    for (const args of [
      ["pull", shared],
      ["pull", shared, hostile],
      ["show", hostile],
      ["status", hostile],
    ])
      await expectClean(rig, ...args);
    await expectEscaped(rig, "pull", shared);
    await expectEscaped(rig, "logs", hostile);
    await expectEscaped(rig, "compare", hostile);
  });

  test("errors of a server", async ({ rig }) => {
    const { port } = await startServer(rig, (_request, response) => {
      response.statusCode = 400;
      response.end(JSON.stringify({ error: { message: hostile } }));
    });
    const generate = `generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", model: none, retries: 0}`;
    rig.edit(file, /generate: .*/, generate);
    await expectEscaped(rig, "run", file);
    rig.env = { HF_ENDPOINT: `http://127.0.0.1:${port}`, HF_TOKEN: "hf_none" };
    await expectClean(rig, "pull", "hf://datasets/me/runs");
  });
});

describe("a path from the command line that names no regular file is an error:", () => {
  const paths: Readonly<Record<string, (path: string) => void>> = {
    pipe: (path) => execFileSync("mkfifo", [path]),
    device: (path) => symlinkSync("/dev/zero", path),
    folder: (path) => mkdirSync(path),
    loop: (path) => symlinkSync(path, path),
    "5 GB": (path) => {
      writeFileSync(path, "");
      truncateSync(path, 5e9);
    },
  };
  test.for(Object.entries(paths))("%s", async ([name, make], { rig }) => {
    const path = rig.path("x.jsonl");
    make(path);
    rig.write("gold.jsonl", '{"id": "1", "gold": ["a"], "pred": ["a"]}\n');
    const commands = [
      ["score", path],
      ["score", "gold.jsonl", "--gold", path],
      ["score", "gold.jsonl", "--synonyms", path],
      ["show", path],
      ["report", path],
      ["verify", path],
      ["reproduce", path],
      ["check", path],
      ["run", path],
      ...(name === "folder" ? [] : [["run", file, "--mirror", join(path, "x")]]),
      ["pull", join(path, "x"), "study"],
    ];
    for (const args of commands) {
      const { code, stdout, stderr } = await rig.exp(...args);
      const printed = `${stdout}${stderr}`;
      expect([args, code === 0], printed).toEqual([args, false]);
      expect(printed, args.join(" ")).not.toMatch(/internal error|^\s+at /m);
      if (args[0] !== "verify") expect(errorCodes({ stdout, stderr }).length, printed).toBeGreaterThan(0);
    }
  });

  test("socket", async ({ rig }) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(rig.path("x.jsonl"), resolve));
    rig.onClose(() => server.close());
    expectFailure(await rig.exp("score", "x.jsonl"), 2, "not-a-regular-file");
    expectFailure(await rig.exp("show", "x.jsonl"), 2, "run-not-found");
    expectFailure(await rig.exp("check", "x.jsonl"), 2, "not-a-regular-file");
  });
});
