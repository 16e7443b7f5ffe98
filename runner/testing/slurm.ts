/** A real Slurm with three simulated nodes, started by slurm.sh. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Rig } from "./rig.ts";

const script = fileURLToPath(new URL("slurm.sh", import.meta.url));

/** The reason why Slurm cannot be started here; undefined if it can. */
export function slurmMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "slurmctld and slurmd must be started by root";
  for (const program of ["slurmctld", "slurmd", "munged"]) {
    const path = `${process.env.PATH}:/usr/sbin:/sbin`;
    const { status } = spawnSync("sh", ["-c", `command -v ${program}`], { env: { ...process.env, PATH: path } });
    if (status !== 0) return `${program} is not installed (Debian: slurm-wlm munge)`;
  }
  return undefined;
}

/** One line of `exp status --json`. */
export type StatusLine = {
  readonly run: string;
  readonly job: string;
  readonly state: string;
  readonly node: string;
  readonly detail: string;
  /** The progress of a running job's steps. */
  readonly at: string;
  readonly log: string;
};

/** A running Slurm. */
export class Cluster {
  readonly #dir = mkdtempSync(join(tmpdir(), "exp-slurm-"));

  constructor(accounting = false) {
    execFileSync(script, ["start", this.#dir, ...(accounting ? ["accounting"] : [])], { stdio: "pipe" });
  }

  /** Makes the commands of a study use this cluster. */
  use(rig: Rig): void {
    rig.env = { ...rig.env, ...this.env };
    rig.onClose(() => void spawnSync("scancel", ["--user=root"], { env: { ...process.env, ...this.env } }));
  }

  get env(): Readonly<Record<string, string>> {
    return { SLURM_CONF: join(this.#dir, "slurm.conf") };
  }

  /** Runs one of Slurm's programs and returns its output. */
  run(program: string, ...args: readonly string[]): string {
    return execFileSync(program, args, { encoding: "utf8", env: { ...process.env, ...this.env } });
  }

  /** A field of `scontrol show job`. */
  field(job: string, name: string): string {
    return new RegExp(`(?:^| )${name}=(\\S+)`).exec(this.run("scontrol", "--oneliner", "show", "job", job))?.[1] ?? "";
  }

  /** Simulates a power failure: kills the daemon of a node and all processes that it started. */
  killNode(node: string, ...jobs: readonly string[]): void {
    const steps = jobs.map((job) => `slurmstepd: [${this.field(job, "JobId")}.`);
    this.killDaemon(node);
    const stepds = steps.flatMap(pidsOf);
    for (const pid of [...stepds, ...stepds.flatMap(descendants)]) kill(pid);
  }

  /** Kills the daemon of a node, and not the processes that it started. */
  killDaemon(node: string): void {
    process.kill(this.#daemon(`slurmd-${node}.pid`), "SIGKILL");
  }

  startNode(node: string): void {
    execFileSync(script, ["node", this.#dir, node], { stdio: "pipe" });
  }

  killController(): void {
    process.kill(this.#daemon("slurmctld.pid"), "SIGKILL");
  }

  /** Whether the controller answers. */
  isUp(): boolean {
    return this.#succeeds("sinfo", "--noheader", "--format=%D");
  }

  /** Whether the controller has a job. */
  hasJob(job: string): boolean {
    return this.#succeeds("scontrol", "show", "job", job);
  }

  #succeeds(program: string, ...args: readonly string[]): boolean {
    try {
      return this.run(program, ...args) !== "";
    } catch {
      return false;
    }
  }

  startController(): void {
    execFileSync(script, ["controller", this.#dir], { stdio: "pipe" });
  }

  #daemon(file: string): number {
    return Number(readFileSync(join(this.#dir, file), "utf8"));
  }

  stop(): void {
    execFileSync(script, ["stop", this.#dir], { stdio: "pipe" });
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** `exp status --json`: run -> line. */
export async function status(rig: Rig, name?: string): Promise<Readonly<Record<string, StatusLine>>> {
  const output = await rig.output("status", ...(name === undefined ? [] : [name]), "--json");
  return Object.fromEntries((JSON.parse(output) as StatusLine[]).map((line) => [line.run, line]));
}

/** Waits until each of the runs is in one of the states, and returns all lines. Fails with the log of the first run. */
export async function reach(
  rig: Rig,
  states: readonly string[],
  ...runs: readonly string[]
): Promise<Readonly<Record<string, StatusLine>>> {
  const until = performance.now() + 200_000;
  for (;;) {
    const now = await status(rig);
    if (runs.every((run) => states.includes(now[run]?.state ?? ""))) return now;
    if (performance.now() > until) {
      expect.fail(`${runs.join(", ")} did not reach ${states.join(" or ")}:\n${JSON.stringify(now, null, 1)}
${(await rig.exp("logs", runs[0] as string)).stdout}`);
    }
    await sleep(400);
  }
}

function pidsOf(text: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(text))
    .map(Number);
}

function descendants(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended with its parent.
  }
}
