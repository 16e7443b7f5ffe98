import { integer, plural } from "../util/format.ts";
import { normalQuantile } from "../util/normal.ts";
import type { Facts, Placed, SplitName } from "./audit-facts.ts";
import { counted, type Found, found, quoted, type Rule, rowRule, where } from "./audit-rule.ts";
import { isLong, isReasoning } from "./dirty.ts";
import { basicForm } from "./labels/basic.ts";
import { isNone } from "./labels/none.ts";
import { labelPieces } from "./labels/split.ts";
import type { LabelCount } from "./labels.ts";
import { similarPairs } from "./similar-labels.ts";

const quotes = /^["'`[{(].*["'`\]})]$/s;

/** Whether a word has letters of two alphabets that look alike. "α-synuclein" has two words. */
const isMixed = (word: string): boolean =>
  /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(word);

/** Whether a label is a placeholder for a missing one. */
const isPlaceholder = (label: string): boolean =>
  /^(?:nan|null|undefined|#n\/a|unknown|other|misc|todo|tbd)$/i.test(label);

/** Separators that data use where the study declares another. */
const otherSeparators = [";", "|", "\n", "\t", " / "];

/** Rules about target cells and the labels in them. */
export const labelRules: readonly Rule[] = [
  rowRule({
    code: "empty-target",
    severity: "warning",
    is: ({ row }) => row.gold.length === 0,
    what: "without label",
  }),
  {
    code: "several-labels",
    severity: "error",
    find({ rows, isSingle, separator, counts }) {
      if (!isSingle) return undefined;
      const labels = new Set([...counts.raw.values()].flat().map(({ label }) => label));
      const cuts = new Set([separator, ...otherSeparators]);
      const isJoined = (label: string): boolean =>
        [...cuts].some((cut) => {
          const parts = labelPieces(label, cut);
          return parts.length > 1 && parts.every((part) => labels.has(part));
        });
      const several = rows.filter(({ row: { gold } }) => gold.some(isJoined));
      return found(
        several.map(where),
        (count) => `${counted(count, "row")} with several labels, but the task has exactly one for each row`,
      );
    },
  },
  {
    code: "unseen-unreadable",
    severity: "warning",
    find: ({ misread }) =>
      found(
        misread.filter(({ isUnseen }) => isUnseen).map(({ placed }) => where(placed)),
        (count) =>
          `${counted(count, "row")} with a label that no training row has and that the parser does not accept, such as a sentence`,
      ),
  },
  {
    code: "contradiction",
    severity: "warning",
    find({ byInput, canonical }) {
      const answer = (gold: readonly string[]): string => [...new Set(gold.map(canonical))].sort().join("\0");
      const odd = byInput.filter(
        (rows) => rows.length > 1 && new Set(rows.map(({ row }) => answer(row.gold))).size > 1,
      );
      return found(
        odd.flat().map(where),
        (count) => `${counted(count, "row")} with the same input as another row but different labels`,
      );
    },
  },
  {
    code: "near-contradiction",
    severity: "warning",
    find({ near, canonical }) {
      const answer = (gold: readonly string[]): string => [...new Set(gold.map(canonical))].sort().join("\0");
      const odd = near.filter(({ first, second }) => answer(first.row.gold) !== answer(second.row.gold));
      return found(
        odd.map(({ first, second }) => `${where(first)} ~ ${where(second)}`),
        (count) =>
          `${integer(count)} ${count === 1 ? "pair" : "pairs"} of rows with nearly the same input but different labels`,
      );
    },
  },
  {
    code: "label-variants",
    severity: "warning",
    find({ counts }) {
      const forms = new Map<string, Set<string>>();
      for (const { label } of [...counts.raw.values()].flat()) {
        const form = basicForm(label);
        const raw = forms.get(form);
        if (raw === undefined) forms.set(form, new Set([label]));
        else raw.add(label);
      }
      const variants = [...forms.values()].filter((raw) => raw.size > 1);
      return found(
        variants.map((raw) => [...raw].sort().map(quoted).join(" / ")),
        (count) => `${counted(count, "label")} with several spellings that differ in case, space or punctuation`,
      );
    },
  },
  {
    code: "similar-labels",
    severity: "warning",
    find({ counts, canonical }) {
      const labels = [...new Set([...counts.basic.values()].flat().map(({ label }) => label))];
      const open = similarPairs(labels).filter(({ a, b }) => canonical(a) !== canonical(b));
      return found(
        open.map(({ a, b, reason }) => `${quoted(a)} / ${quoted(b)} (${reason})`),
        (count) =>
          `${counted(count, "pair of labels")} that differ by a plural, the word order, one letter or an abbreviation, and are not declared synonyms`,
      );
    },
  },
  rowRule({
    code: "long-label",
    severity: "warning",
    is: ({ row }) => row.gold.some(isLong),
    what: "with a label as long as a sentence",
  }),
  rowRule({
    code: "leaked-reasoning",
    severity: "warning",
    is: ({ row }) => isReasoning(row.answer),
    what: "whose target contains reasoning or an explanation in place of labels",
  }),
  {
    code: "odd-separator",
    severity: "warning",
    find(facts) {
      if (facts.isSingle) return undefined;
      const others = otherSeparators.filter((one) => !one.includes(facts.separator));
      return byRow(
        facts,
        ({ gold }) => gold.some((label) => others.some((one) => outside(label).includes(one))),
        (rows) => `${rows} with a different separator than "${facts.separator}" inside a label`,
      );
    },
  },
  {
    code: "stray-separator",
    severity: "warning",
    find(facts) {
      if (facts.isSingle) return undefined;
      const stray = ({ answer }: { answer: string }): boolean => {
        const pieces = labelPieces(answer, facts.separator);
        return pieces.length > 1 && pieces.some((piece) => piece.trim() === "");
      };
      return byRow(facts, stray, (rows) => `${rows} with an empty label between two separators`);
    },
  },
  {
    code: "repeated-label",
    severity: "warning",
    find(facts) {
      if (facts.isSingle) return undefined;
      const repeated = ({ answer }: { answer: string }): boolean => {
        const forms = labelPieces(answer, facts.separator)
          .map(basicForm)
          .filter((form) => form !== "");
        return new Set(forms).size < forms.length;
      };
      return byRow(facts, repeated, (rows) => `${rows} with a repeated label`);
    },
  },
  rowRule({
    code: "none-and-labels",
    severity: "warning",
    is: ({ row }) => row.gold.length > 1 && row.gold.some(isNone),
    what: 'with "none" or "normal" together with other labels',
  }),
  rowRule({
    code: "list-syntax",
    severity: "warning",
    is: ({ row }) =>
      quotes.test(row.answer.trim()) || row.gold.some((label) => /^(?:[-*•·]\s|\(?\d{1,2}[.)]\s|["'“‘])/.test(label)),
    what: "whose target has quotes, brackets, bullets or numbers around its labels",
  }),
  rowRule({
    code: "open-bracket",
    severity: "warning",
    is: ({ row }) => row.gold.some((label) => !isBalanced(label)),
    what: "with an unbalanced bracket in a label",
  }),
  {
    code: "odd-label",
    severity: "warning",
    find({ rows }) {
      const isNumber = ({ row }: Placed): boolean => row.gold.some((label) => !/\p{L}/u.test(label));
      const numbers = rows.filter(isNumber);
      // Ratings and codes are the labels of a study if most rows have them.
      const areUsual = numbers.length * 2 > rows.filter(({ row }) => row.gold.length > 0).length;
      const odd = rows.filter((placed) => placed.row.gold.some(isPlaceholder) || (!areUsual && isNumber(placed)));
      return found(
        odd.map(where),
        (count) => `${counted(count, "row")} with a placeholder as a label, such as a number, NaN or unknown`,
      );
    },
  },
  rowRule({
    code: "look-alike-letter",
    severity: "warning",
    is: ({ row }) => row.gold.some((label) => label.split(/[^\p{L}\p{M}]+/u).some(isMixed)),
    what: "with a label whose word mixes Latin with Cyrillic or Greek letters, so labels that look equal differ",
  }),
  {
    code: "unseen-label",
    severity: "warning",
    find({ counts, parts, canonical }) {
      const train = new Set(counts.basic.get("train")?.map(({ label }) => label));
      const known = new Set(
        parts.find(({ name }) => name === "train")?.rows.flatMap(({ gold }) => gold.map(canonical)),
      );
      const unseen = (counts.basic.get("test") ?? []).filter(({ label }) => !train.has(label));
      const times = unseen.reduce((sum, { count }) => sum + count, 0);
      const of = new Set(unseen.map(({ label }) => label));
      const test = parts.find(({ name }) => name === "test")?.rows ?? [];
      const rows = test.filter(({ gold }) => gold.some((label) => of.has(basicForm(label)))).length;
      const canonicalTimes = test
        .flatMap(({ gold }) => [...new Set(gold.map(canonical))])
        .filter((label) => label !== "" && !known.has(label)).length;
      return found(
        unseen.map(({ label }) => quoted(label)),
        (count) =>
          `${counted(count, "label")} of the test split without training row (basic view): ${plural(times, "occurrence")} in ${counted(rows, "row")} that a model can hardly predict${canonicalTimes === times ? "" : `; ${canonicalTimes} with synonyms merged (canonical view)`}`,
      );
    },
  },
  { code: "label-shift", severity: "warning", find: shift },
  {
    code: "constant-label",
    severity: "warning",
    find({ parts, counts }) {
      const train = parts.find(({ name }) => name === "train")?.rows.length ?? 0;
      const always = (counts.basic.get("train") ?? []).filter(({ count }) => train > 1 && count === train);
      return found(
        always.map(({ label }) => quoted(label)),
        (count) => `${counted(count, "label")} in every training row, from which a model learns nothing`,
      );
    },
  },
];

/** Rows for which `is` holds. */
function byRow(
  { rows }: Facts,
  is: (row: Facts["rows"][number]["row"]) => boolean,
  message: (rows: string) => string,
): Found | undefined {
  return found(rows.filter(({ row }) => is(row)).map(where), (count) => message(counted(count, "row")));
}

/** A label without its parts in brackets. */
function outside(label: string): string {
  return label.replace(/\([^()]*\)|\[[^[\]]*\]/g, "");
}

function isBalanced(label: string): boolean {
  const open: string[] = [];
  for (const character of label) {
    if ("([{".includes(character)) open.push(character);
    else if (")]}".includes(character) && open.pop() !== "([{"[")]}".indexOf(character)]) return false;
  }
  return open.length === 0;
}

/**
 * Labels that are at least twice, or at most half, as frequent in another split as in training, with p < 0.01
 * (two-sided z test of two proportions, Bonferroni over the labels).
 */
function shift({ parts, counts }: Facts): Found | undefined {
  const size = new Map<SplitName, number>(parts.map(({ name, rows }) => [name, rows.length]));
  const train = size.get("train") ?? 0;
  const trained = asMap(counts.basic.get("train"));
  const moved = [...counts.basic].flatMap(([part, labels]) => {
    const rows = size.get(part) as number;
    if (part === "train" || train === 0) return [];
    const here = asMap(labels);
    const all = [...new Set([...trained.keys(), ...here.keys()])];
    const limit = normalQuantile(1 - 0.01 / (2 * all.length));
    return all.flatMap((label) => {
      const [a, b] = [(trained.get(label) ?? 0) / train, (here.get(label) ?? 0) / rows];
      const pooled = ((trained.get(label) ?? 0) + (here.get(label) ?? 0)) / (train + rows);
      const z = Math.abs(a - b) / Math.sqrt(pooled * (1 - pooled) * (1 / train + 1 / rows));
      const far = Math.max(a, b) >= 2 * Math.min(a, b);
      return far && z > limit ? [{ label, part, a, b, z }] : [];
    });
  });
  moved.sort((one, other) => other.z - one.z);
  return found(
    moved.map(({ label, part, a, b }) => `${quoted(label)}: ${percent(a)} of training, ${percent(b)} of ${part}`),
    (count) =>
      `${counted(count, "label")} at least twice as frequent in one split as in the other (p < 0.01, Bonferroni)`,
  );
}

function asMap(counts: readonly LabelCount[] | undefined): ReadonlyMap<string, number> {
  return new Map(counts?.map(({ label, count }) => [label, count]));
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
