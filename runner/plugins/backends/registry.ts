import { Registry } from "../registry.ts";
import type { Backend } from "./backend.ts";

/** The training backends that `train.backend` can name. The first one is the default. */
export const backends = new Registry<Backend>("backend");
