import type { Executor } from "../executor.ts";

/** Runs steps in the process of `exp run`. */
export const local: Executor = { name: "local", description: "in this process, on this machine" };
