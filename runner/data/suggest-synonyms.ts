import { basicForm } from "./labels/basic.ts";
import type { Synonyms } from "./labels/views.ts";
import type { LabelCount } from "./labels.ts";
import { type SimilarityReason, similarPairs } from "./similar-labels.ts";

/** Two labels in the canonical view that training rows probably use for the same thing. */
export type NearSynonyms = { readonly label: string; readonly other: string };

type Reason = SimilarityReason | "near-synonym";

/** A possible variant of a label: as training rows write it, its training rows, and the reason for the proposal. */
export type Variant = { readonly label: string; readonly count: number; readonly reason: Reason };

/** A label and its possible variants, most frequent first. */
export type Proposal = { readonly label: string; readonly count: number; readonly variants: readonly Variant[] };

/**
 * Proposes synonyms from the raw label counts of the training rows. Omits pairs that the study's synonyms map to one
 * form. The more frequent label is the canonical one. A proposal may be wrong: "renal mass" and "renal masses", but
 * also "ileus" and "ileum". `near` are pairs that are not written alike.
 */
export function suggestSynonyms(
  counts: readonly LabelCount[],
  synonyms: Synonyms = { canonical: basicForm },
  near: readonly NearSynonyms[] = [],
): Proposal[] {
  const groups = new Map<string, { label: string; most: number; count: number }>();
  const labels = new Map<string, string>();
  for (const { label, count } of counts) {
    const canonical = synonyms.canonical(label);
    if (canonical === "") continue;
    labels.set(basicForm(label), canonical);
    const group = groups.get(canonical);
    if (group === undefined) groups.set(canonical, { label, most: count, count });
    else groups.set(canonical, { ...group, count: group.count + count });
  }
  const nameOf = new Map<string, string>();
  const rootOf = (canonical: string): string => {
    const named = nameOf.get(canonical);
    return named === undefined ? canonical : rootOf(named);
  };
  const variants = new Map<string, Variant[]>();
  const rank = [...groups.keys()].sort((a, b) => size(groups, b) - size(groups, a) || (a < b ? -1 : 1));
  const place = new Map(rank.map((canonical, index) => [canonical, index]));
  const alike = similarPairs([...labels.keys()]).map(({ a, b, reason }) => ({
    pair: [labels.get(a) as string, labels.get(b) as string] as const,
    reason: reason as Reason,
  }));
  const meant = near.flatMap(({ label, other }) =>
    groups.has(label) && groups.has(other) ? [{ pair: [label, other] as const, reason: "near-synonym" as const }] : [],
  );
  for (const { pair, reason } of [...alike, ...meant]) {
    const [one, other] = [rootOf(pair[0]), rootOf(pair[1])];
    if (one === other) continue;
    const [name, variant] = (place.get(one) as number) < (place.get(other) as number) ? [one, other] : [other, one];
    const { label, count } = groups.get(variant) as { label: string; count: number };
    nameOf.set(variant, name);
    variants.set(name, [...(variants.get(name) ?? []), { label, count, reason }, ...(variants.get(variant) ?? [])]);
    variants.delete(variant);
  }
  return rank.flatMap((canonical) => {
    const of = variants.get(canonical);
    if (of === undefined) return [];
    const { label, count } = groups.get(canonical) as { label: string; count: number };
    return [{ label, count, variants: of.toSorted((a, b) => b.count - a.count) }];
  });
}

function size(groups: ReadonlyMap<string, { readonly count: number }>, canonical: string): number {
  return groups.get(canonical)?.count ?? 0;
}

/** A synonym file of proposals to edit, with the training rows of each label and the reason. */
export function proposalYaml(
  proposals: readonly Proposal[],
  study: { readonly name: string; readonly labels: number },
): string {
  const head = [
    `# Proposed synonyms: pairs among the ${study.labels} labels of the training rows of ${study.name} that may mean the same.`,
    "# exp does not read this file. Delete the wrong entries, then add the others to the synonym file of the study:",
    "# exp data EXPERIMENT --accept-synonyms THIS_FILE. A study without one names this file in data.labels.synonyms.",
    "# Numbers are training rows. A near-synonym was confused by a classifier. Test labels are not used.",
  ];
  if (proposals.length === 0) return `${[...head, "synonyms: {}"].join("\n")}\n`;
  const body = proposals.flatMap(({ label, count, variants }) => [
    `  ${yamlText(label)}:  # ${count}`,
    ...variants.map((one) => `    - ${yamlText(one.label)}  # ${one.count}, ${one.reason}`),
  ]);
  return `${[...head, "synonyms:", ...body].join("\n")}\n`;
}

/** A label as YAML: plain if that is safe, else as a JSON string. */
function yamlText(label: string): string {
  return /^\p{L}[\p{L}\p{N} '()/-]*$/u.test(label) ? label : JSON.stringify(label);
}
