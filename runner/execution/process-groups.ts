const running = new Set<number>();
let watching = false;

/** Registers a child's process group: it is killed when this process exits. */
export function holdGroup(group: number): void {
  if (!watching) {
    process.on("exit", () => {
      for (const one of running) killGroup(one);
    });
    watching = true;
  }
  running.add(group);
}

/** Kills a process group. Does nothing if it has ended. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // The group has ended.
  }
}

/** Kills the rest of a group whose leader has ended. */
export function releaseGroup(group: number): void {
  killGroup(group);
  running.delete(group);
}
