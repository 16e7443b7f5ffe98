import { relative } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type DataParams, draftData, readStudy, type Study } from "../pipeline/steps/data.ts";
import { openTaskWith, parsingParams } from "../pipeline/steps/task.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Site } from "../plugins/site.ts";
import type { OpenTask } from "../plugins/tasks/task.ts";
import { canonicalJson } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { openProject } from "./project.ts";

/** The rows of one data set, and how its experiment reads their targets. */
export type ReadStudy = {
  readonly site: Site;
  readonly experiment: Experiment;
  readonly coordinates: string;
  readonly params: DataParams;
  readonly open: OpenTask;
  readonly study: Study;
};

/** Reads each data set of an experiment's runs once. Throws the UserErrors of readStudy, with paths relative to `cwd`. */
export async function* studiesOf(loaded: LoadedExperiment, context: Context): AsyncGenerator<ReadStudy> {
  const { site, store } = await openProject(loaded.root, context, "read");
  store.close();
  const seen = new Set<string>();
  for (const { experiment, coordinates } of loaded.points) {
    const { params: drafted, sources } = draftData(experiment, site);
    const params = drafted as unknown as DataParams;
    const same = canonicalJson({ params: drafted, sources });
    if (seen.has(same)) continue;
    seen.add(same);
    const read = async () => {
      const open = await openTaskWith(parsingParams(experiment), (key) => sources[key]);
      return { open, study: await readStudy(params, open, (name) => sources[name] as string) };
    };
    const { open, study } = await read().catch((error: unknown) => {
      throw error instanceof UserError ? invalidInput(error, context.cwd) : error;
    });
    yield { site, experiment, coordinates, params, open, study };
  }
}

function invalidInput({ code, message, help, diagnostics }: UserError, cwd: string): UserError {
  const shown = diagnostics.map(({ span, ...one }) => {
    const source = { ...span.source, path: relative(cwd, span.source.path) };
    return { ...one, span: { ...span, source } };
  });
  return new UserError(code, message, { help, diagnostics: shown, status: "invalid" });
}
