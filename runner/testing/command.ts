/** Results of commands: their output, error codes and events. */
import type { ChildProcess } from "node:child_process";
import { expect } from "vitest";
import type { Event } from "../execution/event.ts";

/** A command that has ended. */
export type CommandResult = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A command that was started. */
export type RunningCommand = {
  readonly process: ChildProcess;
  readonly ended: Promise<CommandResult>;
  /** Resolves when stdout matches. Rejects if the command ends before, with its output. */
  waitFor(pattern: RegExp): Promise<void>;
};

/** The output of `exp plan --json`. */
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

/** The result of `exp run --json`. */
export type RunEvents = CommandResult & {
  readonly events: readonly Event[];
  /** Step -> status at its end. */
  readonly steps: Readonly<Record<string, string>>;
  /** Path of the last manifest; empty if no run was sealed. */
  readonly manifest: string;
};

/** Parses the output of `exp run --json`. Throws if a line of stdout is not JSON. */
export function parseEvents(result: CommandResult): RunEvents {
  const events = result.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
  const steps: Record<string, string> = {};
  let manifest = "";
  for (const event of events) {
    if (event.type === "step-end") steps[event.step] = event.status;
    if (event.type === "run-end") manifest = event.manifest ?? manifest;
  }
  return { ...result, events, steps, manifest };
}

/** The error codes that a command printed: `[code]` after a message, `error[code]` or `warning[code]` of a diagnostic, `"code"` in JSON. */
export function errorCodes({ stdout, stderr }: Pick<CommandResult, "stdout" | "stderr">): readonly string[] {
  const found = `${stderr}${stdout}`.matchAll(
    /(?: |error|warning)\[([a-z0-9]+(?:-[a-z0-9]+)*)\]|"code":\s*"([a-z0-9-]+)"/g,
  );
  return [...found].map(([, printed, json]) => (printed ?? json) as string);
}

/**
 * Asserts an error that a user can act on: the exit code, the error code and no stack trace. `facts` are names, values and places
 * that the output must contain; the wording is covered by snapshots.
 */
export function expectFailure(
  result: CommandResult,
  exitCode: number,
  errorCode: string,
  ...facts: readonly (string | RegExp)[]
): void {
  const output = `${result.stderr}${result.stdout}`;
  expect(errorCodes(result), output).toContain(errorCode);
  for (const fact of facts) expect(output).toMatch(fact);
  expect(output).not.toMatch(/^\s+at /m);
  expect(output).not.toMatch(/Traceback/);
  expect(result.code, output).toBe(exitCode);
}
