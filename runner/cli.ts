#!/usr/bin/env node
import { spawn } from "node:child_process";
import { setMaxListeners } from "node:events";
import module from "node:module";
import type { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "./main.ts";
import { cacheRoot } from "./setup/cache.ts";
import { exit } from "./util/context.ts";
import { escapeControls } from "./util/control-characters.ts";

/** Keeps compiled code for the next start, if Node supports it (22.8 and newer). */
function enableCompileCache(): void {
  const { enableCompileCache: enable } = module as { enableCompileCache?: (folder: string) => unknown };
  enable?.(join(cacheRoot(process.env), "compiled"));
}

/** Time for a command to end after a second Ctrl-C, and for open connections to close after an interrupted command. ms */
const graceTime = 1_500;

/**
 * The signals of the process: the first SIGINT, SIGTERM, SIGHUP or SIGQUIT aborts `stop`, a second SIGINT aborts `kill`.
 * If the command does not end soon after that, the process does. A third SIGINT has its default effect, so that the
 * system ends a process that is busy.
 */
function listenToSignals(): { readonly stop: AbortSignal; readonly kill: AbortSignal } {
  const stop = new AbortController();
  const kill = new AbortController();
  // Every waiting step adds a listener, and a sweep has thousands of steps.
  setMaxListeners(0, stop.signal, kill.signal);
  process.on("SIGINT", () => {
    if (!stop.signal.aborted) return stop.abort();
    setTimeout(endNow, graceTime).unref();
    process.removeAllListeners("SIGINT");
    kill.abort();
  });
  // A batch system may send SIGTERM twice: as a warning, and at the end of the time limit. Saving must continue meanwhile.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => stop.abort());
  return { stop: stop.signal, kill: kill.signal };
}

/**
 * Starts a shell that kills this process some seconds after the second Ctrl-C: the handlers above run between two tasks, and a
 * task may not end. A terminal sends Ctrl-C to the shell too, which is in the same process group. The shell ends with this
 * process, whose end closes its descriptor 3.
 */
function endBusyProcess(): void {
  const wait = "cat <&3 & open=$!; while kill -0 $open; do wait $open; done; kill $killer";
  const count = `presses=$((presses + 1)); if [ $presses -eq 2 ]; then (sleep 5; kill -KILL ${process.pid}) & killer=$!; fi`;
  const shell = spawn("/bin/sh", ["-c", `presses=0; trap '${count}' INT; trap '' TERM HUP QUIT; ${wait}`], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  shell.on("error", () => {});
  shell.unref();
  (shell.stdio[3] as Socket).unref();
}

/** Ends this process with code 130. `process.exit` waits for file operations, which may hang: a signal ends it then. */
function endNow(): void {
  process.removeAllListeners("SIGINT");
  spawn("/bin/sh", ["-c", `sleep 1; kill -INT ${process.pid}`], { detached: true, stdio: "ignore" }).unref();
  process.exit(exit.interrupted);
}

/**
 * Survives write errors of stdout and stderr. A closed pipe (`exp ls | head`) is no error. Any other, such as a full disk behind
 * `> file`, is reported, and the exit code becomes 1.
 */
function surviveWriteErrors(): void {
  let isIncomplete = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return;
      if (error.syscall !== "write") throw error;
      isIncomplete = true;
      if (stream === process.stdout) process.stderr.write(`exp: its output cannot be written: ${error.message}\n`);
    });
  }
  process.on("exit", () => {
    if (isIncomplete && process.exitCode === exit.done) process.exitCode = exit.failed;
  });
}

/** The width that COLUMNS declares: also that of an output which is no terminal. */
function declaredWidth(text: string | undefined): number | undefined {
  return /^[1-9]\d{0,4}$/.test(text ?? "") ? Number(text) : undefined;
}

const argv = process.argv.slice(2);
const { env, stdout } = process;
surviveWriteErrors();
// Node would print the whole line of minified code as well.
process.on("uncaughtException", (error) => {
  process.stderr.write(
    `exp: internal error. Report it with these lines.\n${escapeControls(String(error.stack ?? error), { color: false })}\n`,
  );
  process.exit(exit.failed);
});
let hasEnded = false;
// Node ends a process whose promise nothing will settle with code 13, in silence. A library may leave one behind.
process.on("exit", () => {
  if (hasEnded || (process.exitCode ?? 13) !== 13) return;
  process.stderr.write("exp: internal error: the command has ended without a result. Report the command\n");
  process.exitCode = exit.failed;
});
if (argv[0] !== "--version" && argv[0] !== "-V") {
  enableCompileCache();
  endBusyProcess();
}
process.exitCode = await main(argv, {
  cwd: process.cwd(),
  env,
  packageRoot: fileURLToPath(new URL("..", import.meta.url)),
  tty: stdout.isTTY === true && env.CI === undefined && env.TERM !== "dumb",
  color: stdout.isTTY === true && (env.NO_COLOR ?? "") === "",
  columns: declaredWidth(env.COLUMNS) ?? stdout.columns ?? Number.POSITIVE_INFINITY,
  out: (text) => void stdout.write(text),
  err: (text) => void process.stderr.write(text),
  ...listenToSignals(),
});
hasEnded = true;
// A connection that a server keeps open must not keep an interrupted process alive.
if (process.exitCode === exit.interrupted) setTimeout(endNow, graceTime).unref();
