/** What a step throws when it stopped because the user asked: not a failure, and its work folder is kept. */
export class Interrupted extends Error {
  constructor(step: string) {
    super(`${step}: interrupted`);
    this.name = "Interrupted";
  }
}

/** The two ways out: `stop` asks a child to save and end, `kill` ends its whole process group now. */
export type Interrupts = { readonly stop: AbortSignal; readonly kill: AbortSignal };
