import type { Reporter, Screen } from "./reporter.ts";

/** Writes one JSON event per line to stdout. */
export function jsonReporter(screen: Pick<Screen, "out">): Reporter {
  return {
    event: (event) => screen.out(`${JSON.stringify(event)}\n`),
    close: () => Promise.resolve(),
  };
}
