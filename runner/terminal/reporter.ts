import type { Event } from "../execution/event.ts";

/** Prints the events of a run. Call `close` once after the last event; it restores the terminal. */
export type Reporter = { event(event: Event): void; close(): Promise<void> };

/** The output streams and properties of the terminal. */
export type Screen = {
  /** Whether stdout is a terminal with support for the live view. */
  readonly tty: boolean;
  readonly color: boolean;
  /** Width of the terminal in cells. */
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  /** Aborted by the first Ctrl-C. */
  readonly stop: AbortSignal;
};
