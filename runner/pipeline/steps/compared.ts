import type { Draft } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { canonicalJson, sha256 } from "../../util/canonical.ts";
import { formatStepRef, parseStepRef } from "../plan/step-ref.ts";

/** The drafts of an experiment that another one compares itself with. */
export type Compared = { readonly name: string; readonly drafts: readonly Draft[] };

/** The drafts of a run, and for each compared experiment the names of its steps in the run, by their own names. */
type Joined = {
  readonly drafts: readonly Draft[];
  readonly names: ReadonlyMap<string, ReadonlyMap<string, string>>;
};

/**
 * Joins the drafts of compared experiments to those of an experiment, so that one run holds them all. A step that
 * equals an existing one is not added. The others are renamed: `evaluate.<experiment>.<arm>` for a step of an arm, else
 * `train@<experiment>`.
 */
export function joined(own: readonly Draft[], compared: readonly Compared[]): Joined {
  const names = new Map<string, ReadonlyMap<string, string>>();
  if (compared.length === 0) return { drafts: own, names };
  const all = [...own];
  const known = new Map<string, string>();
  const ofOwn = identities(own);
  for (const { id } of own) known.set(ofOwn(id), id);
  for (const { name, drafts } of compared) {
    const identity = identities(drafts);
    const renamed = new Map<string, string>();
    names.set(name, renamed);
    const nameOf = (id: string): string => renamed.get(id) ?? id;
    for (const { id } of drafts)
      renamed.set(id, known.get(identity(id)) ?? formatStepRef({ ...parseStepRef(id), experiment: name }));
    for (const draft of drafts) {
      if (known.has(identity(draft.id))) continue;
      known.set(identity(draft.id), nameOf(draft.id));
      const inputs = Object.entries(draft.inputs).map(([as, { step, file }]) => [as, { step: nameOf(step), file }]);
      all.push({
        ...draft,
        id: nameOf(draft.id),
        inputs: Object.fromEntries(inputs),
        after: draft.after.map(nameOf),
      });
    }
  }
  return { drafts: all, names };
}

/** The identity of a draft without regard to step names: the deep hash of the plan, with paths in place of contents. */
function identities(drafts: readonly Draft[]): (id: string) => string {
  const byId = new Map(drafts.map((draft) => [draft.id, draft]));
  const known = new Map<string, string>();
  const identity = (id: string): string => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const { kind, params, sources, inputs } = byId.get(id) as Draft;
    const upstream: Record<string, Json> = {};
    for (const [as, { step, file }] of Object.entries(inputs)) upstream[as] = [identity(step), file];
    const made = sha256(canonicalJson({ kind, params, sources, upstream }));
    known.set(id, made);
    return made;
  };
  return identity;
}
