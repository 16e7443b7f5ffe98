import type { Options } from "ajv";

/** Options of the compiler of the validators, at build time and at run time. */
export const ajvOptions: Options = {
  allErrors: true,
  discriminator: true,
  strict: true,
  strictRequired: false,
  strictTypes: false,
  formats: { "file-path": true, "data-path": true, "model-path": true, "project-path": true, "experiment-path": true },
  // translate.ts writes the messages.
  messages: false,
};
