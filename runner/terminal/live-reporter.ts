import type { Event } from "../execution/event.ts";
import { note } from "./lines-reporter.ts";
import type { LiveView } from "./live-view.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { RunProgress } from "./run-progress.ts";
import { failureText, type StepError } from "./step-failure.ts";

/**
 * The output on an interactive terminal. The live view is imported when the first step starts, so that a run with cached steps only
 * prints one line without delay. Failures follow below the last state of the view.
 */
export function liveReporter(screen: Screen): Reporter {
  const progress = new RunProgress(Date.now());
  const failures: { readonly step: string; readonly error: StepError }[] = [];
  const notes: Extract<Event, { type: "note" }>[] = [];
  let view: LiveView | undefined;
  let opening: Promise<void> | undefined;

  async function open(missed: Parameters<LiveView["show"]>[0][]): Promise<void> {
    const { LiveView } = await import("./live-view.ts");
    view = new LiveView(progress, screen);
    for (const event of missed) view.show(event);
  }

  const missed: Parameters<LiveView["show"]>[0][] = [];
  return {
    event(event) {
      progress.apply(event, Date.now());
      if (event.type === "step-end" && event.error !== undefined)
        failures.push({ step: event.step, error: event.error });
      if (event.type === "note") notes.push(event);
      if (event.type === "step-start" || event.type === "step-wait") opening ??= open(missed);
      if (view !== undefined) view.show(event);
      else if (opening !== undefined) missed.push(event);
    },
    async close() {
      await opening;
      if (view === undefined) screen.out(`${progress.foot(Date.now(), screen.columns)}\n`);
      else await view.close();
      for (const one of notes) note(one, screen);
      for (const { step, error } of failures) screen.err(`\n${failureText(step, error, screen.color)}`);
    },
  };
}
