import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DatasetAccess, type DatasetFile, type FetchedPart, fetchDataset } from "../../hub/dataset.ts";
import type { DatasetPart } from "../../hub/dataset-files.ts";
import { datasetSnapshot } from "../../hub/places.ts";
import { datasetsOf } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { readResult, writeResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { oneCore } from "./needs.ts";

type Params = { readonly parts: Readonly<Record<string, DatasetPart & { readonly [key: string]: Json }>> };

/**
 * Downloads the files of the hub data sets of a study that the cache lacks, checks them against the digests that the hub lists, and
 * writes dataset.json: the files of each part. The rows stay in the cache of the Hugging Face libraries.
 */
export const fetchData: StepKind<Params> = {
  name: "fetch_data",
  version: 1,
  cached: true,
  usesNetwork: true,
  outputs: () => ["dataset.json"],
  async run({ parts }, context) {
    const access: DatasetAccess = {
      url: context.localPath("hub"),
      cache: context.localPath("cache"),
      token: context.secret(),
      isOffline: context.hint("offline") === true,
      signal: context.signal,
      progress: (progress) => context.progress({ ...progress, unit: "bytes" }),
    };
    const fetched = await fetchDataset(parts, access);
    writeResult(context.output, "dataset.json", fetched);
    const files = Object.values(fetched).flatMap((part) => part.files_read);
    context.evidence({ files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) });
    context.evidence({
      datasets: Object.fromEntries(Object.entries(fetched).map(([name, part]) => [name, digestsOf(part)])),
    });
  },
  holds({ localPaths }, dir) {
    const parts = Object.values(readResult("dataset.json", dir));
    return parts.every((part) =>
      pathsOf(part, localPaths.cache as string).every(
        ({ path, file }) => existsSync(path) && statSync(path).size === file.size,
      ),
    );
  },
};

/** Path in the repository -> SHA-256. */
function digestsOf({ files_read: files }: FetchedPart): Readonly<Record<string, string>> {
  return Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
}

/** The files of a fetched part in the cache. */
export function pathsOf(
  { hub, revision, files_read: files }: FetchedPart,
  cache: string,
): readonly { readonly path: string; readonly file: DatasetFile }[] {
  return files.map((file) => ({ path: join(datasetSnapshot(cache, hub, revision), file.path), file }));
}

/** Fetches the hub data sets of a study; undefined if it has none. */
export function draftFetchData(experiment: Experiment, site: Site) {
  const parts = datasetsOf(experiment.data);
  if (Object.keys(parts).length === 0) return undefined;
  const { url, cache, isOffline } = site.hub;
  return draft({
    id: "fetch_data",
    kind: fetchData.name,
    params: { parts: parts as unknown as Json },
    localPaths: { hub: url, cache },
    hints: isOffline ? { offline: true } : {},
    credential: { variable: "HF_TOKEN", url },
    needs: oneCore,
  });
}
