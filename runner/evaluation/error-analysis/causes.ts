import { isDirty } from "../../data/dirty.ts";
import type { Status } from "../../data/labels/lexicon.ts";
import { isNone } from "../../data/labels/none.ts";
import { similarPairs } from "../../data/similar-labels.ts";
import { words } from "../../data/words.ts";
import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { shareBounds } from "../statistics/interval.ts";
import type { Mention, Part } from "./clauses.ts";
import type { MentionFinder } from "./mentions.ts";
import { chosenMention, type QuoteFinder, quoteOf } from "./quote.ts";

/** A wrong label: one of gold that the prediction lacks, or one of the prediction that gold lacks. */
export type LabelError = {
  readonly id: string;
  readonly kind: "omitted" | "added";
  readonly label: string;
  /** Names of {@link causes}; empty if no rule applies. */
  readonly causes: readonly CauseName[];
};

/** What the rules know about a label of a case. `Arm` parts differ between arms. */
export type CauseFacts = {
  readonly one: ComparedCase;
  readonly kind: LabelError["kind"];
  readonly label: string;
  readonly mentions: readonly Mention[];
  /** Whether the text has words that usually come with the label. */
  readonly hasUsualWording: boolean;
  /** Whether a sentence of the text may state the label, by the words of the training rows with it. */
  mayBeStated(): boolean;
  /** Training rows of the arm with the label. */
  readonly rows: number;
  /** The other arms, and those of them that make the same error. */
  readonly others: number;
  readonly alike: number;
  /** The labels of near-duplicates of the case in the training rows. */
  readonly duplicates: readonly (readonly string[])[];
};

/** A label with fewer training rows than this is rare. */
const rareBelow = 6;

const names = [
  ...["negated", "past", "hedged", "inferred", "overlooked", "unsupported", "synonym_boundary", "rare_label"],
  ...["unseen_label", "gold_doubtful", "near_duplicate", "truncated"],
] as const;
export type CauseName = (typeof names)[number];

type Cause = {
  readonly name: CauseName;
  readonly definition: string;
  applies(facts: CauseFacts): boolean;
};

/** The causes, in the order of reports. An error has every cause that applies. */
export const causes: readonly Cause[] = [
  {
    name: "negated",
    definition: "The text names the label only as absent",
    applies: (facts) => statusOf(facts) === "negated",
  },
  {
    name: "past",
    definition: "The text names the label only as historical or resolved",
    applies: (facts) => statusOf(facts) === "past",
  },
  {
    name: "hedged",
    definition: "The text names the label only as possible, or as a question",
    applies: (facts) => statusOf(facts) === "hedged",
  },
  {
    name: "inferred",
    definition: "The text does not name the omitted label: it follows from signs",
    applies: (facts) => facts.kind === "omitted" && isInferred(facts),
  },
  {
    name: "overlooked",
    definition: "The text affirms the omitted label by name, or in words that usually come with it",
    applies: (facts) => {
      const status = statusOf(facts);
      return facts.kind === "omitted" && (status === "affirmed" || (status !== "hedged" && facts.hasUsualWording));
    },
  },
  {
    name: "unsupported",
    definition: "The text neither names the added label nor has words that usually come with it",
    applies: (facts) => facts.kind === "added" && !isNone(facts.label) && !hasText(facts),
  },
  {
    name: "synonym_boundary",
    definition: "An added and an omitted label differ by a plural, word order, one letter or a qualifying word",
    applies: ({ one, kind, label }) =>
      (kind === "omitted" ? one.added : one.omitted).some((other) => isVariant(label, other)),
  },
  {
    name: "rare_label",
    definition: `The omitted label has 1 to ${rareBelow - 1} training rows`,
    applies: ({ kind, rows }) => kind === "omitted" && rows > 0 && rows < rareBelow,
  },
  {
    name: "unseen_label",
    definition: "The label occurs in no training row",
    applies: ({ rows }) => rows === 0,
  },
  {
    name: "gold_doubtful",
    definition:
      "The text has no words for the omitted label and no arm predicts it; or the label is a sentence; or the text affirms the added label by name and another arm adds it too",
    applies: (facts) =>
      facts.kind === "omitted"
        ? isDirty([facts.label]) ||
          (!isNone(facts.label) && facts.rows >= rareBelow && !hasText(facts) && facts.alike === facts.others)
        : statusOf(facts) === "affirmed" && facts.alike > 0,
  },
  {
    name: "near_duplicate",
    definition: "A training row with nearly the same text has the label that the arm gives, against gold",
    applies: ({ kind, label, duplicates }) => duplicates.some((own) => own.includes(label) === (kind === "added")),
  },
  {
    name: "truncated",
    definition: "The response reaches the maximum number of new tokens or is incomplete",
    applies: ({ one: { answer } }) => answer.finish === "length" || answer.notes.includes("truncated"),
  },
];

/** How the text names a label: affirmed if it does so once, else hedged, else by the first mention. */
export function statusOf({ mentions }: Pick<CauseFacts, "mentions">): Status | "affirmed" | "none" {
  return chosenMention(mentions)?.status ?? "none";
}

/** Whether the text states a label without a name of it. */
export function isInferred(facts: Pick<CauseFacts, "mentions" | "label" | "hasUsualWording">): boolean {
  const status = statusOf(facts);
  return (
    !isNone(facts.label) &&
    !isDirty([facts.label]) &&
    status !== "affirmed" &&
    status !== "hedged" &&
    !facts.hasUsualWording
  );
}

const hasText = (facts: CauseFacts): boolean =>
  statusOf(facts) !== "none" || facts.hasUsualWording || facts.mayBeStated();

/** Whether two labels may mean the same, or all words of one are words of the other. */
function isVariant(a: string, b: string): boolean {
  if (similarPairs([a, b]).length > 0) return true;
  const [one, other] = [a, b].map((label) => new Set(words(label.toLowerCase()))) as [Set<string>, Set<string>];
  const [short, long] = one.size < other.size ? [one, other] : [other, one];
  return short.size > 0 && [...short].every((word) => long.has(word));
}

/** An error as an example: `name` and `trigger` are parts of the sentence. */
export type CauseExample = {
  readonly id: string;
  readonly kind: LabelError["kind"];
  readonly label: string;
  readonly sentence: string | null;
  readonly name: Part | null;
  readonly trigger: Part | null;
};

/** The errors of an arm with a cause. */
export type CauseCount = {
  readonly name: CauseName | "none";
  readonly definition: string;
  readonly omitted: number;
  readonly added: number;
  /** The share of all errors of the arm, with its interval over cases; null without errors. */
  readonly share: { readonly value: number; readonly low: number; readonly high: number } | null;
  readonly example: CauseExample | null;
};

/** The counts of each cause, and of the errors without one. */
export function countCauses(
  errors: readonly LabelError[],
  seed: number,
  exampleOf: (error: LabelError, cause: CauseName | "none") => CauseExample,
): readonly CauseCount[] {
  const counted: readonly { readonly name: CauseName | "none"; readonly definition: string }[] = [
    ...causes,
    { name: "none", definition: "No rule applies" },
  ];
  return counted.map(({ name, definition }) => {
    const has = (error: LabelError): boolean =>
      name === "none" ? error.causes.length === 0 : error.causes.includes(name);
    const own = errors.filter(has);
    const omitted = own.filter(({ kind }) => kind === "omitted").length;
    const examples = createRandom(seed)
      .sample(own, Math.min(own.length, mostTried))
      .map((error) => exampleOf(error, name));
    const [low, high] =
      errors.length === 0 ? [0, 1] : shareBounds(errors.map((error) => ({ isHit: has(error), group: error.id })));
    return {
      ...{ name, definition, omitted, added: own.length - omitted },
      share: errors.length === 0 ? null : { value: own.length / errors.length, low, high },
      example: examples.find(({ sentence }) => sentence !== null) ?? examples[0] ?? null,
    };
  });
}

/** Errors of which one with a sentence becomes the example. */
const mostTried = 20;

/** The quote of an error: the sentence that names the label with the status of the cause, else that of the label. */
export function causeExample(
  { id, kind, label }: LabelError,
  cause: CauseName | "none",
  input: string,
  finders: { readonly mentions: MentionFinder; readonly quotes: QuoteFinder },
): CauseExample {
  const decisive = finders.mentions.find(input, label).find(({ status }) => status === cause);
  const found =
    decisive !== undefined
      ? quoteOf(decisive)
      : kind === "omitted"
        ? finders.quotes.stated(input, label)
        : finders.quotes.named(input, label);
  return { id, kind, label, sentence: null, name: null, trigger: null, ...found };
}

/** The errors of one kind and cause in two arms: those of the other arm alone, of both, and of this arm alone. */
export type CauseChange = {
  readonly arm: string;
  readonly kind: LabelError["kind"];
  readonly cause: CauseName;
  readonly removed: number;
  readonly kept: number;
  readonly new: number;
};

/**
 * How the errors of each cause change from another arm to this one: an error of the other arm is kept if this arm has
 * it, with whatever causes, and an error of this arm is new if the other arm has it with no cause. Causes without
 * errors are left out.
 */
export function causeChanges(
  arm: string,
  other: readonly LabelError[],
  own: readonly LabelError[],
): readonly CauseChange[] {
  const [before, after] = [other, own].map((errors) => new Set(errors.map(keyOf))) as [Set<string>, Set<string>];
  return causes.flatMap(({ name }) =>
    (["omitted", "added"] as const).flatMap((kind) => {
      const caused = (errors: readonly LabelError[]): readonly string[] =>
        errors.filter((error) => error.kind === kind && error.causes.includes(name)).map(keyOf);
      const theirs = caused(other);
      const kept = theirs.filter((key) => after.has(key)).length;
      const added = caused(own).filter((key) => !before.has(key)).length;
      if (theirs.length + added === 0) return [];
      return [{ arm, kind, cause: name, removed: theirs.length - kept, kept, new: added }];
    }),
  );
}

const keyOf = ({ id, kind, label }: LabelError): string => `${id}\0${kind}\0${label}`;
