import { Registry } from "../registry.ts";
import type { ModelFormat } from "./format.ts";

/** The formats that `exp export-model --format` can name. The first one is the default. */
export const formats = new Registry<ModelFormat>("format");

/** A format, and the number format of its weights. */
export type ModelExport = { readonly format: string; readonly type: string };

/** The values of `upload.formats`: "gguf" for the first number format, "gguf:q8_0" for another one. */
export const declaredFormats = (): readonly string[] =>
  [...formats].flatMap(({ name, types }) => [name, ...types.map((type) => `${name}:${type}`)]);

/** Reads a value of `upload.formats`. */
export function readDeclaredFormat(text: string): ModelExport {
  const [name = "", type] = text.split(":");
  const format = formats.get(name);
  return { format: format.name, type: type ?? format.types[0] };
}
