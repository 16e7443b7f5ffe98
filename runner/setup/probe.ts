import { execFile } from "node:child_process";
import { resolve } from "node:path";

/** The folder of the package, which contains recipes/, and the environment variables. */
export type Where = { readonly packageRoot: string; readonly env: Readonly<Record<string, string | undefined>> };

/** Runs a program and resolves to its stdout; undefined if it does not exist or fails. */
export type Probe = (file: string, args: readonly string[]) => Promise<string | undefined>;

/**
 * The folder in which programs of a set-up start. Python imports modules from its working folder, uv and pyenv read
 * settings there. The user's working folder may be a study of another author. Only root can write to this one.
 */
export const neutralFolder = "/";

/** The path of a program from the neutral folder. A name without a slash is found on PATH. */
export const programPath = (file: string): string => (file.includes("/") ? resolve(file) : file);

/** A probe without shell and stdin, in the neutral folder, with a time limit of 15 seconds. */
export function prober(env: Where["env"]): Probe {
  return (file, args) =>
    new Promise((done) => {
      const options = { cwd: neutralFolder, env: { ...env }, timeout: 15_000 };
      execFile(programPath(file), args, options, (error, stdout) =>
        done(error === null ? stdout : undefined),
      ).stdin?.end();
    });
}
