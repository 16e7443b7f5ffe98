import type { ValidateFunction } from "ajv";

/** Validators that were compiled at build time for a set of registered names. */
type Precompiled = {
  readonly names: string;
  readonly validateExperiment: ValidateFunction;
  readonly validateSweep: ValidateFunction;
};

/** None in the source. The build replaces this module by compiled code for the built-in implementations: see precompile.mjs. */
export const precompiled: Precompiled | undefined = undefined;
