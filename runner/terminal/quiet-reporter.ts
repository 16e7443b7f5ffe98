import type { Reporter, Screen } from "./reporter.ts";
import { failureText } from "./step-failure.ts";
import { uploadText } from "./upload.ts";

/** Prints failed steps and failed uploads to stderr, and nothing else. */
export function quietReporter(screen: Pick<Screen, "err">): Reporter {
  return {
    event(event) {
      if (event.type === "step-end" && event.error !== undefined)
        screen.err(failureText(event.step, event.error, false));
      if (event.type === "upload" && event.reasons.length > 0) screen.err(uploadText(event));
    },
    close: () => Promise.resolve(),
  };
}
