let isDone = false;

/**
 * Registers every implementation that exp ships. The only module that imports implementations; main.ts calls it before a
 * command runs, the build before it compiles the validator, vitest before unit tests. Calls after the first do nothing.
 */
export function registerBuiltIns(): void {
  if (isDone) return;
  isDone = true;
}
