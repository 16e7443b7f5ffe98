import { type DatasetPart, datasetText } from "../hub/dataset-files.ts";
import { plural } from "../util/format.ts";
import type { Experiment } from "./experiment.ts";

/** The part of a study's data that a key of `data` names: train, validation or test. */
type DataPart = Partial<Experiment["data"]["train"]>;

/** The files of a part, in the order in which their rows are read; none if it is a share of another part, or of the hub. */
export function filesOf(part: Pick<DataPart, "file"> | undefined): readonly string[] {
  return part?.file === undefined ? [] : [part.file].flat();
}

/** The part of a data set of the hub that a part names; undefined for any other. */
export function datasetOf(part: DataPart | undefined): DatasetPart | undefined {
  if (part?.hub === undefined) return undefined;
  const { hub, revision = "", config, split, files } = part;
  return {
    hub,
    revision,
    ...(config === undefined ? {} : { config }),
    ...(split === undefined ? {} : { split }),
    ...(files === undefined ? {} : { files }),
  };
}

/** The parts of a study that are from the hub, by the key of `data`. */
export function datasetsOf({ train, validation, test }: Experiment["data"]): Readonly<Record<string, DatasetPart>> {
  const parts = Object.entries({ train, validation, test }).map(([name, part]) => [name, datasetOf(part)] as const);
  return Object.fromEntries(parts.filter((entry): entry is [string, DatasetPart] => entry[1] !== undefined));
}

/** Whether a part has rows of its own, from files or from the hub. */
export function hasRows(part: DataPart | undefined): boolean {
  return part?.file !== undefined || part?.hub !== undefined;
}

/** Where the rows of a part are from: "data/train.csv", "data/a.csv to data/d.csv (4 files)", "owner/name@0123456789ab (train)". */
export function partText(part: DataPart | undefined): string | undefined {
  const dataset = datasetOf(part);
  if (dataset !== undefined) return datasetText(dataset);
  const files = filesOf(part);
  if (files.length < 2) return files[0];
  return `${files[0]} to ${files.at(-1)} (${plural(files.length, "file")})`;
}

/** The part that the test rows are from; undefined without test rows. */
export function testPart({ train, test }: Pick<Experiment["data"], "train" | "test">): DataPart | undefined {
  return test === undefined || hasRows(test) ? test : train;
}
