import { isMap, isNode, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";
import type { Diagnostic, Result, Span } from "../util/diagnostic.ts";
import type { Extended } from "./extends.ts";
import { find, locate } from "./node.ts";

/** The file that gets the commit: the one with model.revision, else the one with model.base. */
export type PinPlace = {
  readonly file: string;
  readonly base: string;
  /** A commit, a branch or a tag, if the file has one. */
  readonly revision: string | undefined;
};

/** Finds the hub model of a file and the files that it extends. Errors in other keys do not matter. */
export function pinPlace({ root, sources }: Extended, bundled: readonly string[]): Result<PinPlace> {
  const base = find(root, ["model", "base"])?.node;
  const revision = find(root, ["model", "revision"])?.node;
  const fail = (code: string, message: string, span: Span, help: string): Result<PinPlace> => {
    const diagnostic: Diagnostic = { severity: "error", code, message, span, help };
    return { ok: false, diagnostics: [diagnostic] };
  };
  for (const way of ["grid", "zip", "repeat"]) {
    for (const key of ["model.base", "model.revision"]) {
      const varied = find(root, ["sweep", way, key]);
      if (varied === undefined) continue;
      const help = "write the commits into sweep.zip, in the order of the models";
      return fail("cannot-pin", `cannot pin one commit: the sweep varies ${key}`, varied.node.span, help);
    }
  }
  if (base?.kind !== "scalar" || typeof base.value !== "string" || base.value === "") {
    return fail(
      "missing-key",
      "model.base is missing",
      locate(root, ["model", "base"]),
      "write model: {base: owner/name}",
    );
  }
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(base.value) || bundled.includes(base.value)) {
    const what = bundled.includes(base.value) ? "is bundled with exp" : "is no hub id";
    return fail("cannot-pin", `cannot pin ${base.value}: it ${what}`, base.span, "remove revision");
  }
  const written = revision?.kind === "scalar" && revision.value !== null ? String(revision.value) : undefined;
  const { source } = (revision ?? base).span;
  const file = sources.find((one) => one.source === source)?.file as string;
  return { ok: true, value: { file, base: base.value, revision: written }, warnings: [] };
}

/**
 * The text of a file with the commit as model.revision, and no other change. A new key follows model.base, in the layout of its
 * map. Undefined if model is no map in this file (an alias).
 */
export function withRevision(text: string, commit: string): string | undefined {
  const document = parseDocument(text, { keepSourceTokens: true });
  const model = document.get("model", true);
  if (!isMap(model)) return undefined;
  const old = pairOf(model, "revision");
  if (old !== undefined) {
    const [start, end] = rangeOf(old.value) ?? [0, 0];
    if (end > start) return splice(text, start, end, commit);
    const colon = text.indexOf(":", rangeOf(old.key)?.[1]) + 1;
    return splice(text, colon, colon, ` ${commit}`);
  }
  const base = pairOf(model, "base");
  const key = rangeOf(base?.key);
  const value = rangeOf(base?.value);
  if (key === undefined || value === undefined) return undefined;
  if (model.flow === true) return splice(text, value[1], value[1], `, revision: ${commit}`);
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
