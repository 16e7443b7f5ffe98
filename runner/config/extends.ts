import type { Diagnostic, Result, SourceText } from "../util/diagnostic.ts";
import { parse } from "./document.ts";
import { type MapNode, merge, without } from "./node.ts";
import { withoutPreviousEngine } from "./other-engine.ts";

const longestChain = 20;

/** A file after `extends` is resolved: its tree, and every source that was read. */
export type Extended = {
  readonly root: MapNode;
  readonly sources: readonly { readonly file: string; readonly source: SourceText }[];
};

/** Opens files by absolute path, and resolves the path in `extends` against the file that contains it. */
export type Opener = {
  open(file: string): Result<SourceText> | undefined;
  resolve(from: string, written: string): string;
};

/** Reads a file and the files that it extends. Maps are merged; any other value of the extending file replaces the old one. */
export function readExtended(
  file: string,
  source: SourceText,
  opener: Opener,
  above: readonly string[] = [],
): Result<Extended> {
  const parsed = parse(source);
  if (!parsed.ok) return parsed;
  const { root } = parsed.value;
  const own = { file, source };
  const entry = root.entries.get("extends");
  if (entry === undefined) return { ok: true, value: { root, sources: [own] }, warnings: [] };

  const fail = (code: string, message: string, help: string): Result<Extended> => {
    const diagnostic: Diagnostic = { severity: "error", code, message, span: entry.node.span, help };
    return { ok: false, diagnostics: [diagnostic] };
  };
  if (entry.node.kind !== "scalar" || typeof entry.node.value !== "string" || entry.node.value === "") {
    return fail("wrong-type", "extends must be the path of one YAML file", "write `extends: base/shared.yaml`");
  }
  const written = entry.node.value;
  const next = opener.resolve(file, written);
  const chain = [...above, file];
  const names = (files: readonly string[]) => files.map((one) => one.slice(one.lastIndexOf("/") + 1)).join(" -> ");
  if (chain.includes(next)) {
    return fail("extends-cycle", `files extend each other: ${names([...chain, next])}`, "remove one of the `extends`");
  }
  if (chain.length >= longestChain)
    return fail("extends-cycle", `more than ${longestChain} files extend each other`, "merge some of the files");
  const opened = opener.open(next);
  if (opened === undefined) {
    return fail("missing-file", `extends: ${written} does not exist`, "the path is relative to this file");
  }
  const base = opened.ok ? readExtended(next, opened.value, opener, chain) : opened;
  if (!base.ok) return base;
  return {
    ok: true,
    value: {
      root: merge(withoutPreviousEngine(base.value.root, root), without(root, ["extends"])) as MapNode,
      sources: [own, ...base.value.sources],
    },
    warnings: [],
  };
}
