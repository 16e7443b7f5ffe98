import { Registry } from "../registry.ts";
import type { ModelFormat } from "./format.ts";

/** The formats that `exp export-model --format` can name. The first one is the default. */
export const formats = new Registry<ModelFormat>("format");
