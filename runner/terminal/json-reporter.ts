import type { Reporter, Screen } from "./reporter.ts";

/** One event a line on stdout, and nothing else there. */
export function jsonReporter(screen: Pick<Screen, "out">): Reporter {
  return {
    event: (event) => screen.out(`${JSON.stringify(event)}\n`),
    close: () => Promise.resolve(),
  };
}
