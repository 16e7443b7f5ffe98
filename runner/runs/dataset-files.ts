import { datasetOf } from "../plugins/data-part.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { isMap } from "../util/shape.ts";

/** A run's configuration and the evidence of its steps. */
type Run = {
  readonly config: { readonly data: Experiment["data"] };
  readonly steps: Readonly<
    Record<string, { readonly kind: string; readonly evidence: Readonly<Record<string, unknown>> }>
  >;
};

/** A file of a hub data set that a run has read. */
export type ReadDatasetFile = {
  readonly hub: string;
  readonly revision: string;
  readonly path: string;
  readonly sha256: string;
  /** "hf://datasets/owner/name@<commit>/data/train.parquet" */
  readonly name: string;
};

/** The files of a part that is from the hub, in the order of their rows; none for any other part. */
export function datasetFiles(
  { config: { data }, steps }: Run,
  part: Partial<Experiment["data"]["train"]> | undefined,
): readonly ReadDatasetFile[] {
  const dataset = datasetOf(part);
  const key = Object.entries(data).find(([, value]) => value === part)?.[0];
  if (dataset === undefined || key === undefined) return [];
  const { datasets } = Object.values(steps).find(({ kind }) => kind === "fetch_data")?.evidence ?? {};
  const files = isMap(datasets) ? datasets[key] : undefined;
  const { hub, revision } = dataset;
  if (!isMap(files) || !/^[0-9a-f]{40}$/.test(revision) || !hub.split("/").every(isName)) return [];
  const inner = Object.entries(files).filter(([path]) => path.split("/").every(isName));
  return inner.map(([path, sha256]) => ({
    ...{ hub, revision, path, sha256: String(sha256) },
    name: `hf://datasets/${hub}@${revision}/${path}`,
  }));
}

/** Whether a part of a path names a file or folder below. A manifest may have been edited. */
const isName = (part: string): boolean => part !== "" && part !== "." && part !== ".." && !/[\0\\]/.test(part);
