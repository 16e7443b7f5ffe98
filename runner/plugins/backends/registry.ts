import { axolotl, axolotlSchema } from "./axolotl/index.ts";
import type { Backend } from "./backend.ts";
import { torchtune, torchtuneSchema } from "./torchtune/index.ts";

/** Every backend by name: what `train.backend` offers, in the order in which choices are listed. */
export const backends: Readonly<Record<string, Backend>> = { torchtune, axolotl };

/** The schemas of `train`, one a backend: the schema of an experiment is made of them. */
export const trainSchemas = [torchtuneSchema, axolotlSchema] as const;

/** The backend of a `train` that names none. */
export const defaultBackend = "torchtune";
