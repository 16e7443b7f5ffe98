import { Registry } from "../registry.ts";
import type { Engine } from "./engine.ts";

/** The generation engines that `generate.engine` can name. The first one is the default. */
export const engines = new Registry<Engine>("engine");
