/** Vitest setup file: registers the implementations that exp ships, as cli.ts does. */
import { registerBuiltIns } from "../plugins/built-in.ts";

registerBuiltIns();
