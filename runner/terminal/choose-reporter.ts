import { jsonReporter } from "./json-reporter.ts";
import { linesReporter } from "./lines-reporter.ts";
import { terminalReporter } from "./live-reporter.ts";
import { quietReporter } from "./quiet-reporter.ts";
import type { Reporter, Screen } from "./reporter.ts";

/** Picks who tells about a run: events for programs, nothing but failures, a live view, or plain lines. */
export function chooseReporter(wanted: { readonly json: boolean; readonly quiet: boolean }, screen: Screen): Reporter {
  if (wanted.json) return jsonReporter(screen);
  if (wanted.quiet) return quietReporter(screen);
  return screen.tty ? terminalReporter(screen) : linesReporter(screen);
}
