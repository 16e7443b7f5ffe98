import { setMaxListeners } from "node:events";
import type { Readable, Writable } from "node:stream";
import { holdGroup, killGroup, releaseGroup } from "./groups.ts";
import type { Interrupts } from "./interrupt.ts";
import type { Redact } from "./redact.ts";

/** How a process ended; `error` is the system's code where it could not even start. */
export type Exit = {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly error: string | undefined;
};

/** What a process is started with. */
export type Start = {
  readonly python: string;
  readonly module: string;
  readonly requestFile: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Descriptor of the log. */
  readonly log: number;
  /** Cleans each line on its way to the log; without it the process writes there itself. */
  readonly cleaned?: { readonly redact: Redact; readonly file: string };
};

/** What is used of execa's subprocess. */
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
 * A Python process in a group of its own. It answers one request and ends, or stays and answers the next one with what it has
 * loaded. It ends by itself when its stdin closes: nothing of it outlives this process.
 */
export class PythonProcess {
  readonly #child: Child;
  readonly #ended: Promise<Exit>;
  #answered: (() => void) | undefined;

  private constructor(child: Child, answers: Readable) {
    this.#child = child;
    const group = child.pid;
    if (group !== undefined) holdGroup(group);
    // A worker that outlived its leader would hold the log open, so the rest of the group ends with the leader.
    child.once("exit", () => group !== undefined && releaseGroup(group));
    // A process that is gone is noticed by its end.
    child.stdin.on("error", () => {});
    // Written to by a process that stays, once for each request.
    answers.on("data", () => this.#answered?.());
    this.#ended = (async () => {
      const { exitCode, signal, code } = await child;
      return { code: exitCode, signal, error: code };
    })();
  }

  static async start({ python, module, requestFile, cwd, env, log, cleaned }: Start): Promise<PythonProcess> {
    const { execa } = await import("execa");
    const clean = function* (line: unknown) {
      yield (cleaned as NonNullable<typeof cleaned>).redact(String(line));
    };
    // execa takes any descriptor; its types stop at 9.
    const sink = cleaned === undefined ? (log as 4) : [clean, { file: cleaned.file, append: true as const }];
    // -P: neither the work folder nor the study's own files can stand in for a module.
    const child = execa(python, ["-P", "-m", "recipes.common.launch", module, requestFile], {
      cwd,
      env,
      extendEnv: false,
      detached: true,
      // Saving takes as long as it takes: an optimiser step and a checkpoint of gigabytes. Only a second Ctrl-C kills.
      forceKillAfterDelay: false,
      stdio: ["pipe", sink, sink, "pipe"],
      buffer: false,
      reject: false,
    });
    return new PythonProcess(child, child.stdio[3]);
  }

  /** Resolves to how the process ended, or to undefined where it has answered and stays. Passes interrupts on meanwhile. */
  async answer({ stop, kill }: Interrupts): Promise<Exit | undefined> {
    setMaxListeners(0, stop, kill);
    const group = this.#child.pid;
    // Only the leader is asked to stop: it saves first, and its workers are its own business.
    const onStop = () => void this.#child.kill("SIGTERM");
    const onKill = () => group !== undefined && killGroup(group);
    stop.addEventListener("abort", onStop);
    kill.addEventListener("abort", onKill);
    // Either may have come while the process was being started.
    if (stop.aborted) onStop();
    if (kill.aborted) onKill();
    const stays = new Promise<undefined>((resolve) => {
      this.#answered = () => resolve(undefined);
    });
    try {
      return await Promise.race([this.#ended, stays]);
    } finally {
      this.#answered = undefined;
      stop.removeEventListener("abort", onStop);
      kill.removeEventListener("abort", onKill);
    }
  }

  /** Gives the next request to a process that stayed. */
  ask(requestFile: string): void {
    this.#child.stdin.write(`${requestFile}\n`);
  }

  /** Whether it can be asked. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it, and waits until it is gone. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
