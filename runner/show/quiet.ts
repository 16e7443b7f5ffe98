import { failureText } from "./failure.ts";
import type { Reporter, Screen } from "./reporter.ts";

/** Says nothing but why a step failed, on stderr. */
export function quietReporter(screen: Pick<Screen, "err">): Reporter {
  return {
    event(event) {
      if (event.type === "step-end" && event.error !== undefined)
        screen.err(failureText(event.step, event.error, false));
    },
    close: () => Promise.resolve(),
  };
}
