import { plural } from "../util/format.ts";
import type { Experiment } from "./experiment.ts";

/** The part of a study's data that a key of `data` names. */
type DataPart = Partial<Experiment["data"]["train"]>;

/** The files of a part, in the order in which their rows are read; none if it is a share of another part. */
export function filesOf(part: Pick<DataPart, "file"> | undefined): readonly string[] {
  return part?.file === undefined ? [] : [part.file].flat();
}

/** The files of a part as one text: "data/train.csv", "data/a.csv to data/d.csv (4 files)". */
export function fileText(part: Pick<DataPart, "file"> | undefined): string | undefined {
  const files = filesOf(part);
  if (files.length < 2) return files[0];
  return `${files[0]} to ${files.at(-1)} (${plural(files.length, "file")})`;
}

/** The part that the test rows are from; undefined without test rows. */
export function testPart({ train, test }: Pick<Experiment["data"], "train" | "test">): DataPart | undefined {
  return test === undefined || test.file !== undefined ? test : train;
}
