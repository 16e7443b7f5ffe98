import { isDirty } from "../../data/dirty.ts";
import { english, type Lexicon } from "../../data/labels/lexicon.ts";
import { isNone } from "../../data/labels/none.ts";
import { nearDuplicates } from "../../data/similarity/near-pairs.ts";
import type { AnswerError, ComparedCase } from "../../plugins/tasks/category.ts";
import { type Causes, causeChanges, countCauses, countKinds, type Stated } from "./cause-counts.ts";
import { causeExample, causes, isInferred, statusOf } from "./causes.ts";
import { mentionFinder } from "./mentions.ts";
import { quoteFinder } from "./quote.ts";
import type { LabelledText, SentenceFinder } from "./sentence.ts";

const rules = { unit: "label", causes } as const;

/** The input of the cause finder. All arms answer the same cases in the same order. */
export type CauseInput = {
  readonly compared: ReadonlyMap<string, readonly ComparedCase[]>;
  readonly inputs: ReadonlyMap<string, string>;
  readonly training: readonly LabelledText[];
  /** The training targets as written, with which names of labels are found. */
  readonly targets: readonly unknown[];
  /** The labels of a target in the view that is analysed. */
  parts(value: unknown): readonly string[];
  readonly sentences: SentenceFinder;
  /** Default: English. */
  readonly lexicon?: Lexicon | undefined;
  /** Names of a label in addition to its spellings in the training rows. */
  readonly namesOf?: ((label: string) => readonly string[]) | undefined;
  /** The arm of the untrained model with which an arm is compared. */
  readonly untrainedOf?: ((arm: string) => string | undefined) | undefined;
  readonly seed: number;
};

/** Finds the causes of the wrong labels of each arm, from the texts and the training rows. */
export function causeFinder(input: CauseInput) {
  const { compared, inputs, training, sentences, seed } = input;
  const mentions = mentionFinder(input.lexicon ?? english, namesOfLabels(input), training);
  const quotes = quoteFinder(mentions, sentences);
  const duplicates = duplicatesOf(input);
  const errors = new Map<string, readonly AnswerError[]>();
  const arms = [...compared.keys()];
  const textOf = (id: string): string => inputs.get(id) ?? "";
  const isWrong = (one: ComparedCase | undefined, kind: "omitted" | "added", label: string): boolean =>
    one?.[kind].includes(label) ?? false;
  const textFacts = (text: string, label: string) => ({
    label,
    mentions: mentions.find(text, label),
    hasUsualWording: mentions.hasUsualWording(text, label),
  });
  /** The errors of an arm; `trained` has the rows of each label of its training. */
  const errorsOf = (arm: string, trained: ReadonlyMap<string, number>): readonly AnswerError[] =>
    (compared.get(arm) ?? []).flatMap((one, at) =>
      (["omitted", "added"] as const).flatMap((kind) =>
        one[kind].map((label): AnswerError => {
          const text = textOf(one.id);
          const facts = {
            ...textFacts(text, label),
            ...{ one, kind, rows: trained.get(label) ?? 0, others: arms.length - 1 },
            mayBeStated: () => sentences.mayState(text, label),
            alike: arms.filter((other) => other !== arm && isWrong(compared.get(other)?.[at], kind, label)).length,
            duplicates: duplicates.get(one.id) ?? [],
          };
          const found = causes.filter(({ applies }) => applies(facts)).map(({ name }) => name);
          return { id: one.id, kind, label, causes: found };
        }),
      ),
    );
  const stated = new Map<string, Stated>();
  const statedAs = (id: string, label: string): Stated => {
    const key = `${id}\0${label}`;
    const facts = stated.has(key) ? undefined : textFacts(textOf(id), label);
    if (facts !== undefined)
      stated.set(key, isInferred(facts) ? "inferred" : statusOf(facts) === "hedged" ? "hedged" : "named");
    return stated.get(key) as Stated;
  };
  return {
    quotes,
    /** Call it for every arm before {@link causesOf}. */
    errorsOf(arm: string, trained: ReadonlyMap<string, number>): readonly AnswerError[] {
      const own = errorsOf(arm, trained);
      errors.set(arm, own);
      return own;
    },
    causesOf(arm: string): Causes {
      const own = errors.get(arm) ?? [];
      const other = input.untrainedOf?.(arm);
      const theirs = other === undefined || other === arm ? undefined : errors.get(other);
      const gold = (compared.get(arm) ?? []).flatMap((one) =>
        one.gold
          .filter((label) => !isNone(label) && !isDirty([label]))
          .map((label) => ({ name: statedAs(one.id, label), isOmitted: one.omitted.includes(label) })),
      );
      return {
        ...countKinds(own, rules.unit),
        counts: countCauses(rules, own, seed, (error, cause) =>
          causeExample(error, cause, textOf(error.id), { mentions, quotes }),
        ),
        stated: (["named", "hedged", "inferred"] as const).map((name) => {
          const those = gold.filter((one) => one.name === name);
          return { name, gold: those.length, omitted: those.filter(({ isOmitted }) => isOmitted).length };
        }),
        against: theirs === undefined ? [] : causeChanges(other as string, rules, theirs, own),
      };
    },
  };
}

/** The names of each label: its spellings in the training rows, and those of the study's synonyms. */
function namesOfLabels({ targets, training, parts, namesOf }: CauseInput): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, Set<string>>();
  for (const label of training.flatMap(({ labels }) => labels))
    if (!names.has(label)) names.set(label, new Set([label, ...(namesOf?.(label) ?? [])]));
  for (const raw of new Set(targets.flatMap((target) => (Array.isArray(target) ? target : [target]).map(String))))
    for (const label of parts([raw])) names.get(label)?.add(raw);
  return new Map([...names].map(([label, own]) => [label, [...own].filter((name) => name.length <= longestName)]));
}

/** A longer name is a sentence in place of a label. */
const longestName = 80;

/** The labels of the training rows that nearly equal a case with an error, by case. */
function duplicatesOf({ compared, inputs, training }: CauseInput): ReadonlyMap<string, readonly (readonly string[])[]> {
  const wrong = [
    ...new Set([...compared.values()].flatMap((cases) => cases.filter(({ exact }) => !exact).map(({ id }) => id))),
  ];
  const pairs = nearDuplicates([...training.map((row) => row.input), ...wrong.map((id) => inputs.get(id) ?? "")]);
  const found = new Map<string, (readonly string[])[]>();
  for (const { a, b } of pairs) {
    const id = a < training.length && b >= training.length ? wrong[b - training.length] : undefined;
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), training[a]?.labels ?? []]);
  }
  return found;
}
