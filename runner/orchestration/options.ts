import type { Manifest } from "../runs/manifest.ts";

/** Options of `exp run`, by their long names. */
export type RunOptions = {
  readonly set: readonly string[];
  readonly sweep?: readonly string[] | undefined;
  /** By --trust: whether the user allows the privileges that a foreign study needs. */
  readonly trust?: boolean;
  readonly force: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string | undefined;
  readonly jobs?: number | undefined;
  readonly shareGpus?: boolean;
  /** Name of an executor; it overrides that of the experiments. */
  readonly executor?: string | undefined;
  readonly mirror?: string | undefined;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False by --no-upload. */
  readonly upload: boolean;
  /** For `exp reproduce`: where the run was pulled from. */
  readonly origin?: string | undefined;
  /** For `exp reproduce`: the folder of a separate store, and the only run of a sweep to execute. */
  readonly artifacts?: string;
  readonly only?: Pick<Manifest, "coordinates" | "role">;
};
