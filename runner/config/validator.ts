import { createRequire } from "node:module";
import type { Ajv, ErrorObject, ValidateFunction } from "ajv";
import { ajvOptions } from "./ajv-options.ts";
import { precompiled } from "./precompiled.ts";
import { currentSweepSchema, experimentSchema, registeredNames } from "./schema.ts";

type Validators = {
  readonly names: string;
  readonly validateExperiment: ValidateFunction;
  readonly validateSweep: ValidateFunction;
};

/** ajv's errors about an experiment in which defaults are filled in; empty if it is valid. */
export function experimentErrors(value: unknown): readonly ErrorObject[] {
  return errorsOf(validators().validateExperiment, value);
}

/** ajv's errors about the value of `sweep`; empty if it is valid. */
export function sweepErrors(value: unknown): readonly ErrorObject[] {
  return errorsOf(validators().validateSweep, value);
}

function errorsOf(validate: ValidateFunction, value: unknown): readonly ErrorObject[] {
  return validate(value) ? [] : (validate.errors ?? []);
}

let current: Validators | undefined = precompiled;

/** The validators of the registered set. For any set but the built-in one, ajv is loaded and compiles them once. */
function validators(): Validators {
  const names = registeredNames();
  if (current?.names !== names) current = compile(names);
  return current;
}

function compile(names: string): Validators {
  const load = createRequire(import.meta.url);
  const { Ajv } = load("ajv") as { readonly Ajv: new (options: object) => Ajv };
  const ajv = new Ajv(ajvOptions);
  return {
    names,
    validateExperiment: ajv.compile(experimentSchema()),
    validateSweep: ajv.compile(currentSweepSchema()),
  };
}
