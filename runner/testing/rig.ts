/**
 * A rig is a study in a temporary folder with the installed command line. Behaviour tests write files into it, run commands in it
 * and read the results.
 */
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
import { test as base, expect, inject } from "vitest";
import type { Manifest } from "../runs/manifest.ts";
import { cacheRoot } from "../setup/cache.ts";
import { sha256 } from "../util/canonical.ts";
import { type CommandResult, type PlanJson, parseEvents, type RunEvents, type RunningCommand } from "./command.ts";
import { install } from "./package.ts";
import { study } from "./studies.ts";
import { tinyModel } from "./tiny-model.ts";

export type StartOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The Node.js interpreter; the default is that of the tests. */
  readonly node?: string;
  /** Whether the command gets a process group of its own, to which a test can send signals as a terminal does. */
  readonly ownGroup?: boolean;
};

/** A study in a temporary folder, which contains the replayed study and the fine-tuning study of studies.ts. */
export class Rig {
  folder: string;
  /** Folder of the installed package. All tests share it; `ownPackage` makes a copy for a test that edits recipes. */
  package = inject("package");
  /** Parent of the folder of the user's configuration. */
  readonly config: string;
  readonly #cache: string;
  readonly #top: string;
  readonly #started: ChildProcess[] = [];
  readonly #onClose: (() => void)[] = [];

  constructor() {
    this.#top = mkdtempSync(join(tmpdir(), "exp-test-"));
    this.folder = join(this.#top, "study");
    this.#cache = join(this.#top, "cache");
    this.config = join(this.#top, "config");
    mkdirSync(this.folder);
    for (const [path, text] of Object.entries(study)) this.write(path, text);
  }

  /** Environment variables of each command. By default EXP_CACHE is a new folder, so this machine's cache has no effect. */
  env: Readonly<Record<string, string | undefined>> = {};

  /** Uses this machine's cache, which has the environment of `exp setup torchtune`: Python steps need it. */
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

  /** Content of a JSON file, by an absolute path or a path in the study. */
  readJson(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  /** Deletes the artifacts, if there are any. */
  removeArtifacts(): void {
    rmSync(this.path("artifacts"), { recursive: true, force: true });
  }

  /** Replaces a text that occurs exactly once in a file. */
  edit(path: string, before: string | RegExp, after: string): void {
    const text = this.read(path);
    expect(text.split(before), `"${before}" in ${path}`).toHaveLength(2);
    this.write(
      path,
      text.replace(before, () => after),
    );
  }

  /** Appends to a file. */
  append(path: string, text: string): void {
    this.write(path, `${this.read(path)}${text}`);
  }

  /** Overwrites a stored file, which is read-only. */
  overwrite(path: string, text: string): void {
    chmodSync(this.path(path), 0o644);
    this.write(path, text);
  }

  /** Changes a file without changing its size and times. */
  keepTimes(path: string, change: () => void): void {
    const times = join(this.#top, "times");
    execFileSync("touch", ["-r", this.path(path), times]);
    const { mtimeNs, size } = statSync(this.path(path), { bigint: true });
    change();
    execFileSync("touch", ["-r", times, this.path(path)]);
    const now = statSync(this.path(path), { bigint: true });
    expect([now.mtimeNs, now.size]).toEqual([mtimeNs, size]);
  }

  /** A copy of the study and its artifacts, deleted together with this rig. */
  copy(): Rig {
    const copy = new Rig();
    cpSync(this.folder, copy.folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    copy.env = this.env;
    this.onClose(() => copy.close());
    return copy;
  }

  /** Installs a copy of exp for this rig and returns its folder. */
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

  start(
    args: readonly string[],
    { env, cwd = this.folder, node = process.execPath, ownGroup = false }: StartOptions = {},
  ): RunningCommand {
    const { CI: _ci, NO_COLOR: _color, HF_TOKEN: _token, COLUMNS: _columns, ...inherited } = process.env;
    const child = spawn(node, [join(this.package, "dist/cli.js"), ...args], {
      cwd,
      detached: ownGroup,
      env: { ...inherited, EXP_CACHE: this.#cache, XDG_CONFIG_HOME: this.config, ...this.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#started.push(child);
    let stdout = "";
    let stderr = "";
    let hasEnded = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<CommandResult>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        hasEnded = true;
        resolve({ code, signal, stdout, stderr });
      });
    });
    return {
      process: child,
      ended,
      async waitFor(pattern) {
        while (!pattern.test(stdout)) {
          if (hasEnded) throw new Error(`exp ${args.join(" ")} did not print ${pattern}:\n${stdout}${stderr}`);
          await sleep(10);
        }
      },
    };
  }

  /** Runs a command to its end. */
  exp(...args: readonly string[]): Promise<CommandResult> {
    return this.start(args).ended;
  }

  /** Runs a command with --json that must succeed, and returns the parsed stdout. */
  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.output(...args, "--json")) as T;
  }

  /** Runs a command that must succeed, and returns its stdout. */
  async output(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.exp(...args);
    expect([code, stderr], stdout).toEqual([0, ""]);
    return stdout;
  }

  /** `exp plan --json`: step -> "cached", "run: REASON" or "depends: REASON". */
  async plan(file: string, ...args: readonly string[]): Promise<Record<string, string>> {
    const plan = await this.json<PlanJson>("plan", file, ...args);
    return Object.fromEntries(
      plan.steps.map(({ id, status, reason }) => [id, status === "cached" ? status : `${status}: ${reason}`]),
    );
  }

  /** `exp run --json`, which may fail. */
  async run(file: string, ...args: readonly string[]): Promise<RunEvents> {
    return parseEvents(await this.exp("run", file, "--json", ...args));
  }

  /** `exp run --json` that must succeed. */
  async build(file: string, ...args: readonly string[]): Promise<RunEvents> {
    const run = await this.run(file, ...args);
    expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);
    return run;
  }

  manifest(path: string): Manifest {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  }

  /** Each file below a folder -> its digest; each link -> "-> TARGET". */
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

  /** Copies a tiny model into the study. */
  addTinyModel(family: "qwen3" | "llama", path: string): void {
    cpSync(tinyModel(family), this.path(path), { recursive: true });
  }

  /** Registers a function that runs before the study is deleted. */
  onClose(act: () => void): void {
    this.#onClose.push(act);
  }

  /** Kills running commands and deletes all files. */
  close(): void {
    for (const act of this.#onClose) act();
    for (const child of this.#started) if (child.exitCode === null) child.kill("SIGKILL");
    rmSync(this.#top, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A vitest test with a new rig. */
export const test = base.extend<{ rig: Rig }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the dependencies of a fixture from this pattern
  rig: async ({}, use) => {
    const rig = new Rig();
    await use(rig);
    rig.close();
  },
});

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
