import type { Event } from "../execution/event.ts";
import type { Context } from "../util/context.ts";

/** Prints the events of a run. Call `close` once after the last event; it restores the terminal. */
export type Reporter = { event(event: Event): void; close(): Promise<void> };

/** The output streams and properties of the terminal. `columns` is its width in cells. */
export type Screen = Pick<Context, "tty" | "color" | "columns" | "out" | "err" | "stop">;
