import { jsonReporter } from "./json-reporter.ts";
import { linesReporter } from "./lines-reporter.ts";
import { liveReporter } from "./live-reporter.ts";
import { quietReporter } from "./quiet-reporter.ts";
import type { Reporter, Screen } from "./reporter.ts";

/** Selects the output of a run: JSON events, failures only, the live view of a terminal, or plain lines. */
export function chooseReporter(wanted: { readonly json: boolean; readonly quiet: boolean }, screen: Screen): Reporter {
  if (wanted.json) return jsonReporter(screen);
  if (wanted.quiet) return quietReporter(screen);
  return screen.tty ? liveReporter(screen) : linesReporter(screen);
}
