import { setMaxListeners } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Interrupts } from "./interrupt.ts";
import { holdGroup, killGroup, releaseGroup } from "./process-groups.ts";
import type { Redact } from "./redact.ts";

/** How a process ended. `error` is the system's code if it could not start. */
export type Exit = {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly error: string | undefined;
};

/** How to start a process. */
export type Start = {
  readonly python: string;
  readonly module: string;
  /** Folder that contains recipes/. */
  readonly code: string;
  readonly requestFile: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** File descriptor of the log. */
  readonly log: number;
  /** Redacts each line of output. Absent: the process writes to the log directly. */
  readonly cleaned?: { readonly redact: Redact; readonly file: string };
};

/** The used part of execa's subprocess. */
type Child = PromiseLike<{
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly code?: string | undefined;
}> & {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
  readonly stdin: Writable;
  kill(signal: "SIGTERM"): boolean;
  once(event: "exit", listener: () => void): unknown;
};

/**
 * A Python process in its own process group. It answers one request and ends, or waits for another one with its model
 * loaded. It ends when its stdin closes, so it does not outlive this process.
 */
export class PythonProcess {
  readonly #child: Child;
  readonly #ended: Promise<Exit>;
  #answered: (() => void) | undefined;

  private constructor(child: Child, answers: Readable) {
    this.#child = child;
    const group = child.pid;
    if (group !== undefined) holdGroup(group);
    // A child process that outlives the leader would keep the log open, so the whole group ends with the leader.
    child.once("exit", () => group !== undefined && releaseGroup(group));
    // That the process has ended is noticed by its exit.
    child.stdin.on("error", () => {});
    // A waiting process writes here after each answer.
    answers.on("data", () => this.#answered?.());
    this.#ended = (async () => {
      const { exitCode, signal, code } = await child;
      return { code: exitCode, signal, error: code };
    })();
  }

  static async start({ python, module, code, requestFile, cwd, env, log, cleaned }: Start): Promise<PythonProcess> {
    const { execa } = await import("execa");
    const clean = function* (line: unknown) {
      yield (cleaned as NonNullable<typeof cleaned>).redact(String(line));
    };
    // execa takes any descriptor; its types stop at 9.
    const sink = cleaned === undefined ? (log as 4) : [clean, { file: cleaned.file, append: true as const }];
    // -P: no module is imported from the work folder. The code is not in PYTHONPATH: Python would run a sitecustomize
    // module from there before the first line of ours.
    const child = execa(python, ["-P", join(code, "recipes/common/launch.py"), module, requestFile], {
      cwd,
      env,
      extendEnv: false,
      detached: true,
      // Saving may take long: an optimiser step and a checkpoint of gigabytes. Only a second Ctrl-C kills.
      forceKillAfterDelay: false,
      stdio: ["pipe", sink, sink, "pipe"],
      buffer: false,
      reject: false,
    });
    return new PythonProcess(child, child.stdio[3]);
  }

  /**
   * Resolves to undefined once the process has answered and waits, or to its exit. Passes interrupts to the process.
   */
  async answer({ stop, kill }: Interrupts): Promise<Exit | undefined> {
    setMaxListeners(0, stop, kill);
    const group = this.#child.pid;
    // Only the leader receives the signal: it saves, and ends its own child processes.
    const onStop = () => void this.#child.kill("SIGTERM");
    const onKill = () => group !== undefined && killGroup(group);
    stop.addEventListener("abort", onStop);
    kill.addEventListener("abort", onKill);
    // A signal may have been aborted during the start.
    if (stop.aborted) onStop();
    if (kill.aborted) onKill();
    const answered = new Promise<undefined>((resolve) => {
      this.#answered = () => resolve(undefined);
    });
    try {
      return await Promise.race([this.#ended, answered]);
    } finally {
      this.#answered = undefined;
      stop.removeEventListener("abort", onStop);
      kill.removeEventListener("abort", onKill);
    }
  }

  /** Sends the next request to a waiting process. */
  send(requestFile: string): void {
    this.#child.stdin.write(`${requestFile}\n`);
  }

  /** Id of the process group; undefined if the process could not start. */
  get group(): number | undefined {
    return this.#child.pid;
  }

  /** Whether the process runs. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends the process and waits for its exit. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
