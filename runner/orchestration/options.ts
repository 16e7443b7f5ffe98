import type { Manifest } from "../runs/manifest.ts";

/** Options of `exp run`, by their long names. */
export type RunOptions = {
  readonly set: readonly string[];
  readonly sweep?: readonly string[] | undefined;
  readonly force: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string | undefined;
  readonly jobs?: number | undefined;
  readonly shareGpus?: boolean;
  /** Where steps run, whatever the experiments say. */
  readonly executor?: string | undefined;
  readonly mirror?: string | undefined;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False by --no-upload. */
  readonly upload: boolean;
  /** Of `exp reproduce`: the folder of a store of its own, and the one run of a sweep that is wanted. */
  readonly artifacts?: string;
  readonly only?: Pick<Manifest, "coordinates" | "role">;
};
