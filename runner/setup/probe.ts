import { execFile } from "node:child_process";

/** What setting up needs to know of this process: the package that holds recipes/, and the environment variables. */
export type Where = { readonly packageRoot: string; readonly env: Readonly<Record<string, string | undefined>> };

/** Runs a small program and resolves to what it printed, or to undefined when it is not there or fails. */
export type Probe = (file: string, args: readonly string[]) => Promise<string | undefined>;

/** The real probe: no shell, no input, 15 seconds at most. */
export function prober(env: Where["env"]): Probe {
  return (file, args) =>
    new Promise((resolve) => {
      execFile(file, args, { env: { ...env }, timeout: 15_000 }, (error, stdout) =>
        resolve(error === null ? stdout : undefined),
      ).stdin?.end();
    });
}
