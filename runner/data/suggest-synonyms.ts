import { basicForm } from "./labels/basic.ts";
import type { Synonyms } from "./labels/views.ts";
import type { LabelCount } from "./labels.ts";
import { type SimilarityReason, similarPairs } from "./similar-labels.ts";

/** A possible variant of a label: as training rows write it, its training rows, and the reason for the proposal. */
export type Variant = { readonly label: string; readonly count: number; readonly reason: SimilarityReason };

/** A label and its possible variants, most frequent first. */
export type Proposal = { readonly label: string; readonly count: number; readonly variants: readonly Variant[] };

/**
 * Proposes synonyms from the raw label counts of the training rows. Omits pairs that the study's synonyms map to one
 * form. The more frequent label is the canonical one. A proposal may be wrong: "renal mass" and "renal masses", but
 * also "ileus" and "ileum".
 */
export function suggestSynonyms(
  counts: readonly LabelCount[],
  synonyms: Synonyms = { canonical: basicForm },
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
  for (const { a, b, reason } of similarPairs([...labels.keys()])) {
    const [one, other] = [rootOf(labels.get(a) as string), rootOf(labels.get(b) as string)];
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
    "# exp does not read this file. Copy the correct entries to the synonym file of the study, and name that file in",
    "# data.labels.synonyms. Numbers are training rows. Test labels are not used.",
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
