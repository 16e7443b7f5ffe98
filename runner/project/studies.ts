import { relative } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type DatasetAccess, fetchDataset, isFetched } from "../hub/dataset.ts";
import { datasetText } from "../hub/dataset-files.ts";
import { huggingFaceCache } from "../hub/places.ts";
import { type DataParams, draftData, readStudy, type Study } from "../pipeline/steps/data.ts";
import { shared } from "../pipeline/steps/shared-draft.ts";
import { openTaskWith, parsingParams } from "../pipeline/steps/task.ts";
import { datasetsOf } from "../plugins/data-part.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Site } from "../plugins/site.ts";
import type { OpenTask } from "../plugins/tasks/task.ts";
import { canonicalJson, type Json } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { rememberedWeakly } from "../util/remember.ts";
import { UserError } from "../util/user-error.ts";
import { keyFor } from "./key-origins.ts";
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
  const sameText = rememberedWeakly(({ parts, ...step }: ReturnType<typeof rowsOf>) =>
    canonicalJson({ ...step, parts: parts as unknown as Json }),
  );
  const seen = new Set<string>();
  for (const { experiment, coordinates } of loaded.points) {
    const rows = shared("rows", experiment, site, (own) => rowsOf(own, site));
    const { params: drafted, sources } = rows;
    const params = drafted as unknown as DataParams;
    const same = sameText(rows);
    if (seen.has(same)) continue;
    seen.add(same);
    const read = async () => {
      const open = await openTaskWith(parsingParams(experiment), (key) => sources[key]);
      const parts = datasetsOf(experiment.data);
      const fetched =
        Object.keys(parts).length === 0
          ? undefined
          : { parts: await fetchDataset(parts, datasetAccess(site, context)), cache: site.hub.cache };
      const study = await readStudy(params, open, { source: (name) => sources[name] as string, fetched });
      return { open, study };
    };
    const { open, study } = await read().catch((error: unknown) => {
      throw error instanceof UserError ? invalidInput(error, context.cwd) : error;
    });
    yield { site, experiment, coordinates, params, open, study };
  }
}

/** What the rows of an experiment depend on. */
function rowsOf(experiment: Experiment, site: Site) {
  const { params, sources } = draftData(experiment, site);
  return { params, sources, parts: datasetsOf(experiment.data) };
}

/** The hub data sets of an experiment whose files are not all on this machine: "owner/name@0123456789ab (train)". */
export function missingDatasets({ points }: LoadedExperiment, { env }: Pick<Context, "env">): readonly string[] {
  const cache = huggingFaceCache(env);
  const parts = points.flatMap(({ experiment }) => Object.entries(datasetsOf(experiment.data)));
  const missing = parts.filter(([name, part]) => !isFetched(name, part, cache));
  return [...new Set(missing.map(([, part]) => datasetText(part)))];
}

/** The hub, with the user's token. A download is shown on stderr. */
function datasetAccess({ hub }: Site, context: Context): DatasetAccess {
  let shown = "";
  return {
    ...hub,
    token: keyFor({ variable: "HF_TOKEN", url: hub.url }, context.env),
    signal: context.stop,
    progress({ message }) {
      if (message !== shown) context.err(`exp: fetching ${message}\n`);
      shown = message;
    },
  };
}

function invalidInput({ code, message, help, diagnostics }: UserError, cwd: string): UserError {
  const shown = diagnostics.map(({ span, ...one }) => {
    const source = { ...span.source, path: relative(cwd, span.source.path) };
    return { ...one, span: { ...span, source } };
  });
  return new UserError(code, message, { help, diagnostics: shown, status: "invalid" });
}
