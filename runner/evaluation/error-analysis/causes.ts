import { isDirty } from "../../data/dirty.ts";
import type { Status } from "../../data/labels/lexicon.ts";
import { isNone } from "../../data/labels/none.ts";
import { similarPairs } from "../../data/similar-labels.ts";
import { words } from "../../data/words.ts";
import type { AnswerError, ComparedCase } from "../../plugins/tasks/category.ts";
import type { CauseExample } from "./cause-counts.ts";
import type { Mention } from "./clauses.ts";
import type { MentionFinder } from "./mentions.ts";
import { chosenMention, type QuoteFinder, quoteOf } from "./quote.ts";

/** What the rules know about a label of a case. `Arm` parts differ between arms. */
export type CauseFacts = {
  readonly one: ComparedCase;
  readonly kind: "omitted" | "added";
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

/** The quote of an error: the sentence that names the label with the status of the cause, else that of the label. */
export function causeExample(
  { id, kind, label }: AnswerError,
  cause: string,
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
