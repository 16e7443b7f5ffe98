import type { Engine } from "./engine.ts";
import { openai, openaiSchema } from "./openai/index.ts";
import { replay, replaySchema } from "./replay/index.ts";
import { transformers, transformersSchema } from "./transformers/index.ts";
import { vllm, vllmSchema } from "./vllm/index.ts";

/** Every engine by name: what `generate.engine` offers, in the order in which choices are listed. */
export const engines: Readonly<Record<string, Engine>> = { transformers, replay, vllm, openai };

/** The schemas of `generate`, one an engine: the schema of an experiment is made of them. */
export const generateSchemas = [transformersSchema, replaySchema, vllmSchema, openaiSchema] as const;

/** The engine of a `generate` that names none. */
export const defaultEngine = "transformers";
