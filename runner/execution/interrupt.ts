/** Thrown by a step that the user interrupted. It is no failure, and the work folder is kept. */
export class Interrupted extends Error {
  constructor(step: string) {
    super(`${step}: interrupted`);
    this.name = "Interrupted";
  }
}

/** `stop` makes a child process save and end, `kill` kills its whole process group. */
export type Interrupts = { readonly stop: AbortSignal; readonly kill: AbortSignal };
