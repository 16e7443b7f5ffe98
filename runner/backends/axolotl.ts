import type { Backend } from "./backend.ts";
import { trainProperties } from "./train.ts";

/** `train` with axolotl: known by name, so that a file written for it gets a plain answer. */
export const axolotlSchema = {
  type: "object",
  additionalProperties: false,
  required: ["backend"],
  properties: {
    backend: { type: "string", const: "axolotl", description: "axolotl; not in this version." },
    ...trainProperties,
  },
} as const;

/** axolotl cannot be run by this version: an error at `train.backend` says so before anything is planned. */
export const axolotl: Backend = {
  name: "axolotl",
  schema: axolotlSchema,
  unavailable: { message: "backend axolotl is not in this version", help: "use backend: torchtune" },
  habits: { checkpointing: ["cuda"], allLogits: true },
  capabilities: {
    methods: { lora: {}, dora: {}, qlora: {}, qdora: {}, full: {} },
    instead: {},
    schedules: [],
    best: [],
    earlyStopping: false,
    samples: false,
    overrides: [],
    decided: {},
  },
};
