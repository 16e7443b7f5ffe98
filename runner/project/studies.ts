import type { LoadedExperiment } from "../config/loaded.ts";
import { type DataParams, draftData, readStudy, type Study } from "../pipeline/steps/data.ts";
import { openTaskWith, parsingParams } from "../pipeline/steps/task.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Site } from "../plugins/site.ts";
import type { OpenTask } from "../plugins/tasks/task.ts";
import { canonicalJson } from "../util/canonical.ts";

/** The rows of one data set, and how its experiment reads their targets. */
export type ReadStudy = {
  readonly experiment: Experiment;
  readonly coordinates: string;
  readonly params: DataParams;
  readonly open: OpenTask;
  readonly study: Study;
};

/** Reads each data set of an experiment's runs once. Throws the UserErrors of readStudy. */
export async function* studiesOf(loaded: LoadedExperiment, site: Site): AsyncGenerator<ReadStudy> {
  const seen = new Set<string>();
  for (const { experiment, coordinates } of loaded.points) {
    const { params: drafted, sources } = draftData(experiment, site);
    const params = drafted as unknown as DataParams;
    const same = canonicalJson({ params: drafted, sources });
    if (seen.has(same)) continue;
    seen.add(same);
    const open = await openTaskWith(parsingParams(experiment), (key) => sources[key]);
    const study = await readStudy(params, open, (name) => sources[name] as string);
    yield { experiment, coordinates, params, open, study };
  }
}
