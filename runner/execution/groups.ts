const running = new Set<number>();
let watching = false;

/** Remembers a child's process group, so that none outlives this process. */
export function holdGroup(group: number): void {
  if (!watching) {
    process.on("exit", () => {
      for (const one of running) killGroup(one);
    });
    watching = true;
  }
  running.add(group);
}

/** Ends a process group at once; nothing happens where it is gone already. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // nobody is left
  }
}

/** Called once a group's leader has ended: what it left behind ends too, and the group is forgotten. */
export function releaseGroup(group: number): void {
  killGroup(group);
  running.delete(group);
}
