/** Drives the real command line in temp folders: what the tests in this folder are written with. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test as base, expect, inject } from "vitest";
import type { Event } from "../execution/event.ts";
import type { Manifest } from "../runs/manifest.ts";
import { cacheRoot, environmentDir } from "../setup/cache.ts";
import { sha256 } from "../util/canonical.ts";
import { install } from "./package.ts";
import { study as replayed } from "./studies.ts";

/** How many faults are injected: a tenth of the 200 of a soak. */
export const faults = Number(process.env.EXP_FAULTS ?? 20);

/** How a command ended. */
export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A command that is running. */
export type Started = {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Waits until stdout has said so; throws with all that was said when the command ends before. */
  says(pattern: RegExp): Promise<void>;
};

export type StartOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Interpreter, where it is not the one that runs the tests. */
  readonly node?: string;
};

/** Lines of `exp plan --json`. */
export type PlanJson = {
  readonly runs: number;
  readonly steps: readonly {
    readonly id: string;
    readonly kind: string;
    readonly key: string | null;
    readonly status: "cached" | "run" | "depends";
    readonly reason: string;
  }[];
};

/** What a run told, by `--json`. */
export type RunEvents = Ended & {
  readonly events: readonly Event[];
  /** Step -> how it ended. */
  readonly steps: Readonly<Record<string, string>>;
  /** Path of the last manifest. */
  readonly manifest: string;
};

/** A study in a temp folder, and the command line in it. */
export class Rig {
  folder: string;
  /** Where exp is installed; a test that edits recipes takes its own by `ownPackage`. */
  package = inject("package");
  /** Parent of the folder of the user's configuration. */
  readonly config: string;
  readonly #cache: string;
  readonly #top: string;
  readonly #started: ChildProcess[] = [];
  readonly #atEnd: (() => void)[] = [];

  constructor() {
    this.#top = mkdtempSync(join(tmpdir(), "exp-test-"));
    this.folder = join(this.#top, "study");
    this.#cache = join(this.#top, "cache");
    this.config = join(this.#top, "config");
    mkdirSync(this.folder);
    for (const [path, text] of Object.entries(replayed)) this.write(path, text);
  }

  /** Variables of a command: a cache of its own, so that nothing of this machine plays a part. */
  env: Readonly<Record<string, string | undefined>> = {};

  /** Lets Python steps run: they need the environment that `exp setup torchtune` has built. */
  usePython(): void {
    this.env = { ...this.env, EXP_CACHE: cacheRoot() };
  }

  /** Absolute path of a file of the study. */
  path(path: string): string {
    return resolve(this.folder, path);
  }

  write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), "utf8");
  }

  /** A JSON file, by an absolute path or one in the study. */
  readJson(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  /** Removes the artifacts, if there are any yet. */
  forget(): void {
    rmSync(this.path("artifacts"), { recursive: true, force: true });
  }

  /** Replaces what stands in the file exactly once. */
  edit(path: string, before: string | RegExp, after: string): void {
    const text = this.read(path);
    expect(text.split(before), `"${before}" in ${path}`).toHaveLength(2);
    this.write(
      path,
      text.replace(before, () => after),
    );
  }

  /** Adds to a file's end. */
  append(path: string, text: string): void {
    this.write(path, `${this.read(path)}${text}`);
  }

  /** Writes over a stored file, which is read-only. */
  spoil(path: string, text: string): void {
    chmodSync(this.path(path), 0o644);
    this.write(path, text);
  }

  /** Changes a file and gives it back its old times, to the nanosecond. */
  inSecret(path: string, change: () => void): void {
    const times = join(this.#top, "times");
    execFileSync("touch", ["-r", this.path(path), times]);
    const { mtimeNs, size } = statSync(this.path(path), { bigint: true });
    change();
    execFileSync("touch", ["-r", times, this.path(path)]);
    const now = statSync(this.path(path), { bigint: true });
    expect([now.mtimeNs, now.size]).toEqual([mtimeNs, size]);
  }

  /** The same study once more, with artifacts of its own. */
  twin(): Rig {
    const twin = new Rig();
    cpSync(this.folder, twin.folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    twin.env = this.env;
    this.atEnd(() => twin.close());
    return twin;
  }

  /** Installs exp once more, for a test that changes its recipes. */
  ownPackage(): string {
    const own = join(this.#top, "package");
    mkdirSync(own);
    install(this.package, own);
    this.package = own;
    return own;
  }

  /** Moves the whole study to another folder. */
  move(name: string): void {
    const to = join(this.#top, name);
    renameSync(this.folder, to);
    this.folder = to;
  }

  start(args: readonly string[], { env, cwd = this.folder, node = process.execPath }: StartOptions = {}): Started {
    const { CI: _ci, NO_COLOR: _color, HF_TOKEN: _token, ...inherited } = process.env;
    const child = spawn(node, [join(this.package, "dist/cli.js"), ...args], {
      cwd,
      env: { ...inherited, EXP_CACHE: this.#cache, XDG_CONFIG_HOME: this.config, ...this.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#started.push(child);
    let stdout = "";
    let stderr = "";
    let over = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        over = true;
        resolve({ code, signal, stdout, stderr });
      });
    });
    return {
      process: child,
      ended,
      async says(pattern) {
        while (!pattern.test(stdout)) {
          if (over) throw new Error(`exp ${args.join(" ")} ended without saying ${pattern}:\n${stdout}${stderr}`);
          await sleep(10);
        }
      },
    };
  }

  /** Runs a command to its end. */
  exp(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  /** Runs a command that must succeed, and gives its stdout. */
  async done(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.exp(...args);
    expect([code, stderr], stdout).toEqual([0, ""]);
    return stdout;
  }

  /** `exp plan --json`: step -> "cached", "run: why" or "depends: on what". */
  async plan(file: string, ...args: readonly string[]): Promise<Record<string, string>> {
    const plan = JSON.parse(await this.done("plan", file, "--json", ...args)) as PlanJson;
    return Object.fromEntries(
      plan.steps.map(({ id, status, reason }) => [id, status === "cached" ? status : `${status}: ${reason}`]),
    );
  }

  /** `exp run --json`, whether or not it succeeds. */
  async run(file: string, ...args: readonly string[]): Promise<RunEvents> {
    return told(await this.exp("run", file, "--json", ...args));
  }

  /** `exp run --json` that must succeed. */
  async built(file: string, ...args: readonly string[]): Promise<RunEvents> {
    const run = await this.run(file, ...args);
    expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);
    return run;
  }

  manifest(path: string): Manifest {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  }

  /** Every file and link below a folder -> its bytes (links: their target) as sha256: equal trees are equal. */
  tree(path = "artifacts"): Record<string, string> {
    const root = this.path(path);
    const names = existsSync(root) ? (readdirSync(root, { recursive: true }) as string[]) : [];
    const contents = names.sort().flatMap((name) => {
      const entry = join(root, name);
      const link = linkAt(entry);
      if (link !== undefined) return [[name, `-> ${link}`]];
      return statSync(entry).isFile() ? [[name, sha256(readFileSync(entry, "latin1"))]] : [];
    });
    return Object.fromEntries(contents) as Record<string, string>;
  }

  /** Puts a tiny model of the real architecture into the study. */
  addTinyModel(family: "qwen3" | "llama", path: string): void {
    cpSync(tinyModel(family), this.path(path), { recursive: true });
  }

  /** Has something done before the study is removed. */
  atEnd(act: () => void): void {
    this.#atEnd.push(act);
  }

  /** Ends what still runs and removes everything. */
  close(): void {
    for (const act of this.#atEnd) act();
    for (const child of this.#started) if (child.exitCode === null) child.kill("SIGKILL");
    rmSync(this.#top, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A vitest test that is given a rig. */
export const test = base.extend<{ rig: Rig }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads what a fixture needs from this pattern
  rig: async ({}, use) => {
    const rig = new Rig();
    await use(rig);
    rig.close();
  },
});

/** Reads the lines of `exp run --json`; throws where one is not JSON. */
export function told(ended: Ended): RunEvents {
  const events = ended.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
  const steps: Record<string, string> = {};
  let manifest = "";
  for (const event of events) {
    if (event.type === "step-end") steps[event.step] = event.status;
    if (event.type === "run-end") manifest = event.manifest ?? manifest;
  }
  return { ...ended, events, steps, manifest };
}

/** The error codes that a command printed: `[code]` after a message, `error[code]` of a diagnostic, `"code"` in JSON. */
export function errorCodes({ stdout, stderr }: Pick<Ended, "stdout" | "stderr">): readonly string[] {
  const found = `${stderr}${stdout}`.matchAll(/(?: |error)\[([a-z0-9]+(?:-[a-z0-9]+)*)\]|"code":\s*"([a-z0-9-]+)"/g);
  return [...found].map(([, printed, json]) => (printed ?? json) as string);
}

/**
 * Asserts an error that a user can act on: the exit code, the error code and no stack trace. `facts` are names, values and places
 * that the output must contain; the wording is covered by snapshots.
 */
export function expectFailure(
  ended: Ended,
  exitCode: number,
  errorCode: string,
  ...facts: readonly (string | RegExp)[]
): void {
  const output = `${ended.stderr}${ended.stdout}`;
  expect(errorCodes(ended), output).toContain(errorCode);
  for (const fact of facts) expect(output).toMatch(fact);
  expect(output).not.toMatch(/^\s+at /m);
  expect(output).not.toMatch(/Traceback/);
  expect(ended.code, output).toBe(exitCode);
}

/** Processes whose command line holds a text. */
export function processesWith(text: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });
}

/** Numbers in [0, 1) that are the same in every run of the tests. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Makes a tiny random model once per version of its maker, for all tests of this machine. */
function tinyModel(family: "qwen3" | "llama"): string {
  const recipes = fileURLToPath(new URL("../../recipes", import.meta.url));
  const maker = readFileSync(join(recipes, "tools/tiny_models.py"), "utf8");
  const folder = join(tmpdir(), `exp-tiny-${family}-${sha256(maker).slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const partial = mkdtempSync(`${folder}.`);
  const python = join(environmentDir("torchtune"), "bin/python");
  const args = ["-m", "recipes.tools.tiny_models", partial, "--family", family, "--tied"];
  execFileSync(python, args, { cwd: dirname(recipes), stdio: "pipe" });
  try {
    renameSync(partial, folder);
  } catch {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
