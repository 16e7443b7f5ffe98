import { find, type MapNode, type Node, put, without } from "./node.ts";
import { branchFor, rootSchema } from "./schema-tree.ts";

const path = ["generate"];

/**
 * What a file extends, as far as it means something to the engine that the file itself names: settings that only the former
 * engine knows stay behind, so that a study's answers can come from elsewhere by one line. A misspelt key is no setting of
 * any engine and is still found.
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

/** The keys of the engine that a `generate` names. */
function settingsOf(generate: Node): readonly string[] {
  const union = rootSchema.properties?.generate;
  return Object.keys((union && branchFor(union, generate, path))?.properties ?? {});
}
