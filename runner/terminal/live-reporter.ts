import type { Event } from "../execution/event.ts";
import { note } from "./lines-reporter.ts";
import type { LiveView } from "./live-view.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { Board } from "./run-progress.ts";
import { failureText, type StepError } from "./step-failure.ts";

/**
 * For a person at a terminal. The live view is loaded when the first step starts, so that a run that reuses everything
 * says so in one line and at once. Why steps failed is told below the last state of the view.
 */
export function terminalReporter(screen: Screen): Reporter {
  const board = new Board(Date.now());
  const failures: { readonly step: string; readonly error: StepError }[] = [];
  const notes: Extract<Event, { type: "note" }>[] = [];
  let view: LiveView | undefined;
  let opening: Promise<void> | undefined;

  async function open(missed: Parameters<LiveView["show"]>[0][]): Promise<void> {
    const { LiveView } = await import("./live-view.ts");
    view = new LiveView(board, screen);
    for (const event of missed) view.show(event);
  }

  const missed: Parameters<LiveView["show"]>[0][] = [];
  return {
    event(event) {
      board.apply(event, Date.now());
      if (event.type === "step-end" && event.error !== undefined)
        failures.push({ step: event.step, error: event.error });
      if (event.type === "note") notes.push(event);
      if (event.type === "step-start") opening ??= open(missed);
      if (view !== undefined) view.show(event);
      else if (opening !== undefined) missed.push(event);
    },
    async close() {
      await opening;
      if (view === undefined) screen.out(`${board.foot(Date.now(), screen.columns)}\n`);
      else await view.close();
      for (const one of notes) note(one, screen);
      for (const { step, error } of failures) screen.err(`\n${failureText(step, error, screen.color)}`);
    },
  };
}
