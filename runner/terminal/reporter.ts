import type { Event } from "../execution/event.ts";

/** Tells people or programs what a run does. `close` leaves the screen in order; call it once, after the last event. */
export type Reporter = { event(event: Event): void; close(): Promise<void> };

/** What a reporter writes to. */
export type Screen = {
  /** Whether stdout is a terminal that can show a live view. */
  readonly tty: boolean;
  readonly color: boolean;
  /** Width of the terminal in cells. */
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  /** Aborted by the first Ctrl-C. */
  readonly stop: AbortSignal;
};
