import { execFile } from "node:child_process";

/** The folder of the package, which contains recipes/, and the environment variables. */
export type Where = { readonly packageRoot: string; readonly env: Readonly<Record<string, string | undefined>> };

/** Runs a program and resolves to its stdout; undefined if it does not exist or fails. */
export type Probe = (file: string, args: readonly string[]) => Promise<string | undefined>;

/** A probe without shell and stdin, with a time limit of 15 seconds. */
export function prober(env: Where["env"]): Probe {
  return (file, args) =>
    new Promise((resolve) => {
      execFile(file, args, { env: { ...env }, timeout: 15_000 }, (error, stdout) =>
        resolve(error === null ? stdout : undefined),
      ).stdin?.end();
    });
}
