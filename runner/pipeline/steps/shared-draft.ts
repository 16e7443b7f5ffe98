import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import { LastResult } from "../../util/noted-reads.ts";
import { remembered, rememberedWeakly } from "../../util/remember.ts";

const results = rememberedWeakly((_site: Site) =>
  remembered((_name: string) => new LastResult<Experiment, unknown>(2)),
);

/**
 * What `make` gives for an experiment. Points of a sweep have much in common: if `make` would read the same values as for
 * the last experiment, the last result of this name is returned. `others` are what the result depends on besides the
 * experiment, the site and the name.
 */
export function shared<R>(
  name: string,
  experiment: Experiment,
  site: Site,
  make: (experiment: Experiment) => R,
  others: readonly unknown[] = [],
): R {
  return (results(site)(name) as LastResult<Experiment, R>).call(experiment, make, others);
}
