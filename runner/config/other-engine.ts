import { find, type MapNode, type Node, put, without } from "./node.ts";
import { experimentSchema } from "./schema.ts";
import { branchFor } from "./schema-visitor.ts";

const path = ["generate"];

/**
 * The extended file without the settings of its engine that the extending file's engine does not have. So one line in the
 * extending file changes the engine. A misspelt key belongs to no engine and stays, so that it is reported.
 */
export function withoutPreviousEngine(under: MapNode, over: MapNode): MapNode {
  const previous = find(under, path)?.node;
  const own = find(over, path)?.node;
  if (previous?.kind !== "map" || own?.kind !== "map" || !own.entries.has("engine")) return under;
  const known = settingsOf(own);
  const foreign = settingsOf(previous).filter((key) => !known.includes(key));
  const key = under.entries.get("generate")?.key ?? previous.span;
  return put(under, path, without(previous, foreign), key) as MapNode;
}

/** The keys of the engine that a `generate` section names. */
function settingsOf(generate: Node): readonly string[] {
  const union = experimentSchema().properties?.generate;
  return Object.keys((union && branchFor(union, generate, path))?.properties ?? {});
}
