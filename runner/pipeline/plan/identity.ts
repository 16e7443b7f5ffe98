import type { Draft, StepKind } from "../../plugins/step.ts";
import { canonicalJson, canonicalJsonOnce, sha256 } from "../../util/canonical.ts";
import { rememberedWeakly } from "../../util/remember.ts";
import type { PlannedStep } from "./plan.ts";
import type { Ingredients, StoreRecord } from "./record.ts";

/**
 * Identity of a step at plan time: a deep hash over its parameters, its sources and the stepIds of its inputs. Runs
 * share steps with equal stepIds. The cache key, which depends on the bytes of the inputs, is known later.
 */
export function stepIdOf(
  kind: StepKind,
  draft: Draft,
  sourceDigests: Readonly<Record<string, string>>,
  upstreamIds: Readonly<Record<string, string>>,
): string {
  // Drafts of one kind name their inputs in one order.
  let inputs = "";
  for (const name in draft.inputs) inputs += `\n${name} ${upstreamIds[name]} ${draft.inputs[name]?.file}`;
  return sha256(
    `${kind.name} ${kind.version} ${sourcesDigest(sourceDigests)} ${canonicalJsonOnce(draft.params)}${inputs}`,
  );
}

/** The digest of the sources, which many steps share. */
const sourcesDigest = rememberedWeakly((sources: Readonly<Record<string, string>>) => sha256(canonicalJson(sources)));

/** The cache key: SHA-256 over the canonical JSON of the ingredients. */
export function keyOf(ingredients: Ingredients): string {
  // The texts of params and sources are cached, because many steps share them.
  const params = canonicalJsonOnce(ingredients.params);
  const sources = canonicalJsonOnce(ingredients.sources);
  const { kind: name, version, inputs: read } = ingredients;
  const [kind, inputs] = [canonicalJson(name), canonicalJson(read)];
  return sha256(`{"kind":${kind},"params":${params},"inputs":${inputs},"sources":${sources},"version":${version}}`);
}

/** A step's ingredients and key, or the upstream file whose bytes are not known yet. */
export type Known =
  | { readonly ingredients: Ingredients; readonly key: string }
  | { readonly waitsFor: PlannedStep; readonly file: string };

/** A step's key, if every upstream file that it reads is built. `recordOf` gives the record of a built step. */
export function identify(step: PlannedStep, recordOf: (step: PlannedStep) => StoreRecord | undefined): Known {
  const inputs: Record<string, string> = {};
  for (const [name, from] of Object.entries(step.upstream)) {
    const record = recordOf(from.step);
    if (record === undefined) return { waitsFor: from.step, file: from.file };
    inputs[name] = digestIn(record, from.file);
  }
  const ingredients: Ingredients = {
    kind: step.kind.name,
    version: step.kind.version,
    params: step.draft.params,
    sources: step.sourceDigests,
    inputs,
  };
  return { ingredients, key: keyOf(ingredients) };
}

/** Digest of an output of a built step. That of a folder ("adapter/") covers its files' names and digests. */
export function digestIn(record: StoreRecord, file: string): string {
  const single = record.files[file];
  if (single !== undefined) return single.sha256;
  const inside: Record<string, string> = {};
  for (const [path, stored] of Object.entries(record.files)) {
    if (file.endsWith("/") && path.startsWith(file)) inside[path.slice(file.length)] = stored.sha256;
  }
  if (Object.keys(inside).length === 0) {
    throw new Error(`a ${record.ingredients.kind} step writes no "${file}"`);
  }
  return sha256(canonicalJson(inside));
}
