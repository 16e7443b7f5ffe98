import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process, told apart from every other one on any machine and from a later one with its pid. */
export type Owner = {
  /** For people to read. */
  readonly host: string;
  /** This boot of this machine and its pid namespace: only within one of them does a pid mean anything. */
  readonly realm: string;
  readonly pid: number;
  /** When the process started, as the system counts. */
  readonly start: string;
};

let self: Owner | undefined;

/** This process. */
export function thisOwner(): Owner {
  self ??= { host: hostname(), realm: thisRealm(), pid: process.pid, start: startOf(process.pid) ?? "" };
  return self;
}

/** Whether the owner is running: "unknown" for one in another realm, of which only a heartbeat can tell. */
export function lifeOf(owner: Owner): "alive" | "dead" | "unknown" {
  const me = thisOwner();
  if (owner.realm !== me.realm) return "unknown";
  if (owner.pid === me.pid) return owner.start === me.start ? "alive" : "dead";
  return startOf(owner.pid) === owner.start ? "alive" : "dead";
}

/** The owner in a lock's or marker's first line; undefined for a line that was never finished. */
export function parseOwner(line: string): Owner | undefined {
  try {
    const value = JSON.parse(line) as Partial<Owner> | null;
    const isWhole =
      typeof value?.host === "string" &&
      typeof value.realm === "string" &&
      typeof value.pid === "number" &&
      typeof value.start === "string";
    return isWhole ? (value as Owner) : undefined;
  } catch {
    return undefined;
  }
}

function thisRealm(): string {
  if (process.platform !== "linux") return hostname();
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** Start time of a process; undefined when there is none or it is a zombie. */
function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The name, in parentheses, may hold anything; state is the first field after it, start time the 20th.
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
    // Fetched here, since loading it costs every other system some milliseconds for nothing.
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env: { LC_ALL: "C" } }).trim();
  } catch {
    return "";
  }
}
