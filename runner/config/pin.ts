import { isMap, isNode, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";
import { isRepository, isRepositoryOrName } from "../hub/names.ts";
import type { Diagnostic, Result, Span } from "../util/diagnostic.ts";
import type { Extended } from "./extends.ts";
import { find, locate } from "./node.ts";

/** A repository of the hub whose commit an experiment names, and the file that gets it. */
export type PinPlace = {
  /** Path of the map with the name of the repository and its commit: ["model"], ["data", "train"]. */
  readonly path: readonly string[];
  readonly kind: "model" | "dataset";
  /** The file with the revision, else the one with the name. */
  readonly file: string;
  readonly name: string;
  /** A commit, a branch or a tag, if the file has one. */
  readonly revision: string | undefined;
};

/** The keys whose value is the name of a repository. */
const nameKeys = { model: "base", dataset: "hub" } as const;

/**
 * Finds the hub models and the hub data sets of a file and the files that it extends. A model that is not on the hub is
 * an error only if there is no other. Errors in other keys do not matter.
 */
export function pinPlaces({ root, sources }: Extended, bundled: readonly string[]): Result<readonly PinPlace[]> {
  const placeOf = (path: readonly string[], kind: PinPlace["kind"]): PinPlace | undefined => {
    const node = find(root, [...path, nameKeys[kind]])?.node;
    if (node?.kind !== "scalar" || typeof node.value !== "string" || node.value === "") return undefined;
    const revision = find(root, [...path, "revision"])?.node;
    const written = revision?.kind === "scalar" && revision.value !== null ? String(revision.value) : undefined;
    const { source } = (revision ?? node).span;
    const file = sources.find((one) => one.source === source)?.file as string;
    return { path, kind, file, name: node.value, revision: written };
  };
  const datasets = ["train", "validation", "test"].flatMap((part) => placeOf(["data", part], "dataset") ?? []);
  const model = placeOf(["model"], "model");
  const embedding = placeOf(["evaluate", "embedding"], "model");
  const swept = ["model", "evaluate.embedding", ...datasets.map(({ path }) => path.join("."))]
    .flatMap((path) => [`${path}.base`, `${path}.hub`, `${path}.revision`])
    .flatMap((key) =>
      ["grid", "zip", "repeat"].map((way) => [key, find(root, ["sweep", way, key])?.node.span] as const),
    )
    .find(([, span]) => span !== undefined);
  const fail = (code: string, message: string, span: Span, help: string): Result<never> => {
    const diagnostic: Diagnostic = { severity: "error", code, message, span, help };
    return { ok: false, diagnostics: [diagnostic] };
  };
  if (swept?.[1] !== undefined) {
    const help = "write the commits into sweep.zip, in the order of the models";
    return fail("cannot-pin", `cannot pin one commit: the sweep varies ${swept[0]}`, swept[1], help);
  }
  const odd = datasets.find(({ name }) => !isRepositoryOrName(name));
  if (odd !== undefined) {
    const span = locate(root, [...odd.path, "hub"]);
    return fail("cannot-pin", `cannot pin ${odd.name}: it is no hub id`, span, "write owner/name, as on the hub");
  }
  const onHub = (one: PinPlace | undefined): readonly PinPlace[] =>
    one !== undefined && isRepository(one.name) && !bundled.includes(one.name) ? [one] : [];
  const places = [...onHub(model), ...onHub(embedding), ...datasets];
  if (places.length > 0) return { ok: true, value: places, warnings: [] };
  if (model === undefined) {
    const span = locate(root, ["model", "base"]);
    return fail("missing-key", "model.base is missing", span, "write model: {base: owner/name}");
  }
  const what = bundled.includes(model.name) ? "is bundled with exp" : "is no hub id";
  const span = locate(root, ["model", "base"]);
  return fail("cannot-pin", `cannot pin ${model.name}: it ${what}`, span, "remove revision");
}

/**
 * The text of a file with the commit of a place, and no other change. A new key `revision` follows the name of the
 * repository, in the layout of its map. Undefined if there is no such map in this file (an alias).
 */
export function withRevision(
  text: string,
  { path, kind }: Pick<PinPlace, "path" | "kind">,
  commit: string,
): string | undefined {
  const document = parseDocument(text, { keepSourceTokens: true });
  const map = document.getIn(path, true);
  if (!isMap(map)) return undefined;
  const old = pairOf(map, "revision");
  if (old !== undefined) {
    const [start, end] = rangeOf(old.value) ?? [0, 0];
    if (end > start) return splice(text, start, end, commit);
    const colon = text.indexOf(":", rangeOf(old.key)?.[1]) + 1;
    return splice(text, colon, colon, ` ${commit}`);
  }
  const base = pairOf(map, nameKeys[kind]);
  const key = rangeOf(base?.key);
  const value = rangeOf(base?.value);
  if (key === undefined || value === undefined) return undefined;
  if (map.flow === true) return splice(text, value[1], value[1], `, revision: ${commit}`);
  const indent = text.slice(text.lastIndexOf("\n", key[0]) + 1, key[0]);
  const feed = text.indexOf("\n", value[1]);
  if (feed === -1) return `${text}\n${indent}revision: ${commit}`;
  const end = text[feed - 1] === "\r" ? "\r\n" : "\n";
  return splice(text, feed + 1, feed + 1, `${indent}revision: ${commit}${end}`);
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && key.value === name);
}

/** Start and end of a node's text, without comments after it. */
function rangeOf(node: unknown): readonly [number, number] | undefined {
  return isNode(node) && node.range ? [node.range[0], node.range[1]] : undefined;
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}
