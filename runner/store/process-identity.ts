import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Identifies a process among those of all machines, and among later ones with the same pid. */
export type ProcessIdentity = {
  /** Shown to people. */
  readonly host: string;
  /** The boot of the machine and the pid namespace. A pid is unique within one realm only. */
  readonly realm: string;
  readonly pid: number;
  /** Start time of the process in units of the system. */
  readonly start: string;
};

let self: ProcessIdentity | undefined;

/** This process. */
export function thisProcess(): ProcessIdentity {
  self ??= { host: hostname(), realm: thisRealm(), pid: process.pid, start: startOf(process.pid) ?? "" };
  return self;
}

/** Whether a process is running. "unknown" for another realm: only its heartbeat can show that. */
export function livenessOf(owner: ProcessIdentity): "alive" | "dead" | "unknown" {
  const me = thisProcess();
  if (owner.realm !== me.realm) return "unknown";
  if (owner.pid === me.pid) return owner.start === me.start ? "alive" : "dead";
  return startOf(owner.pid) === owner.start ? "alive" : "dead";
}

/** Parses the first line of a lock or claims file; undefined for an incomplete line. */
export function parseProcess(line: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isProcess(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value of a file identifies a process. Its pid becomes a part of a path. */
export function isProcess(value: unknown): value is ProcessIdentity {
  const { host, realm, pid, start } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return (
    [host, realm, start].every((text) => typeof text === "string") && Number.isSafeInteger(pid) && (pid as number) > 0
  );
}

function thisRealm(): string {
  if (process.platform !== "linux") return hostname();
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** Start time of a process; undefined if it does not exist or is a zombie. */
function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The name, in parentheses, may contain anything. After it, state is field 1 and start time field 20.
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  try {
    // Loaded here: Linux does not need it, and loading takes milliseconds.
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env: { LC_ALL: "C" } }).trim();
  } catch {
    return "";
  }
}
