import { axolotl } from "./backends/axolotl/index.ts";
import { backends } from "./backends/registry.ts";
import { torchtune } from "./backends/torchtune/index.ts";
import { openai } from "./engines/openai/index.ts";
import { engines } from "./engines/registry.ts";
import { replay } from "./engines/replay/index.ts";
import { transformers } from "./engines/transformers/index.ts";
import { vllm } from "./engines/vllm/index.ts";
import { local } from "./executors/local/index.ts";
import { executors } from "./executors/registry.ts";
import { slurm } from "./executors/slurm/index.ts";
import { gguf } from "./formats/gguf/index.ts";
import { formats } from "./formats/registry.ts";
import { json } from "./tasks/json/index.ts";
import { labelSet } from "./tasks/label-set/index.ts";
import { tasks } from "./tasks/registry.ts";
import { singleLabel } from "./tasks/single-label/index.ts";
import { text } from "./tasks/text/index.ts";

let isDone = false;

/**
 * Registers every implementation that exp ships, the default of each kind first. The only module that imports implementations.
 * main.ts calls it before a command runs, the build before it compiles the validators, and Vitest before each test file. Calls
 * after the first have no effect.
 */
export function registerBuiltIns(): void {
  if (isDone) return;
  isDone = true;
  for (const backend of [torchtune, axolotl]) backends.register(backend);
  for (const engine of [transformers, replay, vllm, openai]) engines.register(engine);
  for (const task of [labelSet, singleLabel, text, json]) tasks.register(task);
  for (const format of [gguf]) formats.register(format);
  for (const executor of [local, slurm]) executors.register(executor);
}
