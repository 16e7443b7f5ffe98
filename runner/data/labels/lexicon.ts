import { isMap } from "yaml";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { read } from "./synonyms.ts";

/** How a text can name a label without stating it, or with doubt. */
export const statuses = ["negated", "past", "hedged"] as const;
export type Status = (typeof statuses)[number];

/** Phrases that give a status to the names after them, or before them, in the same clause. */
export type Triggers = { readonly before: readonly string[]; readonly after: readonly string[] };

/** The phrases by which a text negates, dates and hedges what it names. Case is ignored. */
export type Lexicon = Readonly<Record<Status, Triggers>> & {
  /** Phrases that have a trigger in them and are none. */
  readonly pseudo: readonly string[];
  /** Words between two clauses. A semicolon and a colon also end a clause. */
  readonly clause_ends: readonly string[];
  /** Headings, followed by a colon, whose sentence names past findings. */
  readonly history_headings: readonly string[];
};

const lists = ["pseudo", "clause_ends", "history_headings"] as const;

/** Reads a lexicon: `negated`, `past` and `hedged` with lists `before` and `after`; and the other lists of phrases. */
export function parseLexicon(source: SourceText): Result<Lexicon> {
  const reader = read(source);
  const { root, complain } = reader;
  if (root === null || !isMap(root)) {
    if (root !== null) complain(root, "not-a-map", "a lexicon is a map of lists of phrases");
    const value = { negated: none, past: none, hedged: none, pseudo: [], clause_ends: [], history_headings: [] };
    return reader.diagnostics.length > 0
      ? { ok: false, diagnostics: reader.diagnostics }
      : { ok: true, value, warnings: [] };
  }
  const triggers = new Map<string, Triggers>();
  const phrases = new Map<string, readonly string[]>();
  for (const [key, value] of reader.pairs(root)) {
    if ((lists as readonly string[]).includes(key.text)) {
      phrases.set(
        key.text,
        reader.texts(value, key.text).map(({ text }) => text),
      );
    } else if ((statuses as readonly string[]).includes(key.text)) {
      if (value !== null && !isMap(value)) complain(value, "not-a-map", `${key.text} is a map of before and after`);
      const sides = new Map<string, readonly string[]>();
      for (const [side, list] of reader.pairs(value)) {
        if (side.text === "before" || side.text === "after")
          sides.set(
            side.text,
            reader.texts(list, side.text).map(({ text }) => text),
          );
        else complain(side.node, "unknown-key", `unknown key "${side.text}"`, 'the keys are "before" and "after"');
      }
      triggers.set(key.text, { before: sides.get("before") ?? [], after: sides.get("after") ?? [] });
    } else {
      const known = [...statuses, ...lists].map((name) => `"${name}"`).join(", ");
      complain(key.node, "unknown-key", `unknown key "${key.text}"`, `the keys are ${known}`);
    }
  }
  if (reader.diagnostics.length > 0) return { ok: false, diagnostics: reader.diagnostics };
  const of = (status: Status): Triggers => triggers.get(status) ?? none;
  const list = (name: (typeof lists)[number]): readonly string[] => phrases.get(name) ?? [];
  const value = {
    ...{ negated: of("negated"), past: of("past"), hedged: of("hedged") },
    ...{ pseudo: list("pseudo"), clause_ends: list("clause_ends"), history_headings: list("history_headings") },
  };
  return { ok: true, value, warnings: [] };
}

const none: Triggers = { before: [], after: [] };

/** The lexicon for English texts, and for studies that name none. */
export const english: Lexicon = {
  negated: {
    before: [
      ...["no", "not", "without", "w/o", "absence of", "absent", "negative for", "denies", "denied", "free of"],
      ...["lack of", "lacks", "never", "neither", "nor", "fails to show", "excludes", "rules out", "ruled out for"],
    ],
    after: [
      ...["not seen", "not present", "not identified", "not visualized", "not visualised", "not detected", "not found"],
      ...[
        "not evident",
        "not demonstrated",
        "is absent",
        "are absent",
        "absent",
        "excluded",
        "ruled out",
        "is negative",
      ],
      ...["unlikely", "was not", "were not", "is not", "are not"],
    ],
  },
  past: {
    before: [
      ...["history of", "past history of", "known", "prior", "previous", "previously", "previously seen", "formerly"],
      ...[
        "status post",
        "s/p",
        "post",
        "resolved",
        "interval resolution of",
        "resolution of",
        "resolving of",
        "remote",
      ],
      ...["treated", "after removal of", "old", "past medical history of", "had"],
    ],
    after: [
      ...[
        "has resolved",
        "have resolved",
        "had resolved",
        "resolved",
        "no longer",
        "has passed",
        "have passed",
        "passed",
      ],
      ...[
        "of the prior study",
        "of prior study",
        "on the prior study",
        "on prior study",
        "has cleared",
        "have cleared",
      ],
      ...["was removed", "were removed", "has been removed", "have been removed", "repair", "years ago", "in the past"],
      "has disappeared",
    ],
  },
  hedged: {
    before: [
      ...[
        "possible",
        "possibly",
        "probable",
        "probably",
        "suspected",
        "suspicious for",
        "suspicion of",
        "suggestive of",
      ],
      ...[
        "suggests",
        "suggesting",
        "suggest",
        "may represent",
        "might represent",
        "could represent",
        "may be",
        "likely",
      ],
      ...["cannot exclude", "cannot rule out", "cannot be excluded", "concerning for", "worrisome for", "question of"],
      ...["questionable", "consider", "rule out", "evaluate for", "evaluation for", "assess for", "equivocal for"],
      ...["compatible with", "consistent with", "presumed", "favor", "favored to be", "favoured to be", "differential"],
    ],
    after: [
      ...["suspected", "favored", "favoured", "possible", "probable", "likely", "cannot be excluded", "not excluded"],
      ...["cannot be ruled out", "not ruled out", "is questioned", "is a consideration", "could be considered"],
    ],
  },
  pseudo: [
    ...["no change", "no interval change", "no significant change", "no increase", "no decrease", "not only"],
    ...["not necessarily", "without change", "without difficulty", "no further", "not certain if", "gram negative"],
    ...["compared with the prior", "comparison", "no prior study", "unchanged from prior", "prior to"],
  ],
  clause_ends: ["but", "however", "although", "though", "except", "apart from", "aside from", "nevertheless", "yet"],
  history_headings: [
    ...["history", "clinical history", "medical history", "past medical history", "indication", "indications"],
    ...["clinical indication", "clinical information", "reason for exam", "reason for examination"],
  ],
};
