import { Ajv, type ValidateFunction } from "ajv";
import { experimentSchema } from "./schema.ts";
import { sweepSchema } from "./sections/sweep.ts";

const formats = { "file-path": true, "model-path": true, "project-path": true, "experiment-path": true } as const;

/**
 * The compiler of both validators. The build replaces this module by the code that it compiles: see precompile.mjs.
 * @public
 */
export const ajv = new Ajv({
  allErrors: true,
  discriminator: true,
  strict: true,
  strictRequired: false,
  strictTypes: false,
  formats,
  // What is wrong is said in words of our own: see translate.ts.
  messages: false,
  code: { source: true, esm: true },
});

/** Validates a value of `experimentSchema` in which defaults are filled in. */
export const validateExperiment: ValidateFunction = ajv.compile(experimentSchema);

/** Validates the value of `sweep`. */
export const validateSweep: ValidateFunction = ajv.compile(sweepSchema);
