import type { AnswerError, ErrorKind, Part } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { shareBounds } from "../statistics/interval.ts";

/** A cause by which errors are counted. `phrase` completes "3 of the wrong values ..."; absent for causes of labels. */
export type NamedCause = { readonly name: string; readonly definition: string; readonly phrase?: string };

/** What the errors are about. */
export type ErrorUnit = "label" | "value" | "answer";

/** The causes of the errors of an arm. */
export type Causes = {
  /** What an error is about; absent for labels. */
  readonly unit?: Exclude<ErrorUnit, "label">;
  readonly omitted: number;
  readonly added: number;
  /** Errors with one value in place of another, and wrong answers; absent for labels. */
  readonly changed?: number;
  readonly counts: readonly CauseCount[];
  /** Gold labels by how the text states them, and the omitted ones among them; empty for other tasks. */
  readonly stated: readonly { readonly name: Stated; readonly gold: number; readonly omitted: number }[];
  /** Values of gold by field, the wrong ones among them, and additional ones; absent for a task without fields. */
  readonly fields?: readonly FieldErrors[];
  /** Changes from the untrained model. */
  readonly against: readonly CauseChange[];
};

/** How a text states a gold label: by a name or in usual words, with a hedge only, or by signs alone. */
export type Stated = "named" | "hedged" | "inferred";

/** The errors of a field, and how many of them have each cause. */
export type FieldErrors = {
  readonly name: string;
  readonly gold: number;
  readonly wrong: number;
  readonly added: number;
  readonly causes: Readonly<Record<string, number>>;
};

/** An error as an example: `name` and `trigger` are parts of the sentence. */
export type CauseExample = {
  readonly id: string;
  readonly kind: ErrorKind;
  readonly label: string;
  readonly sentence: string | null;
  readonly name: Part | null;
  readonly trigger: Part | null;
  /** The values of gold and of the answer as JSON; absent for labels and whole answers. */
  readonly expected?: string;
  readonly given?: string;
};

/** The errors of an arm with a cause. */
export type CauseCount = NamedCause & {
  readonly omitted: number;
  readonly added: number;
  readonly changed?: number;
  /** The share of all errors of the arm, with its interval over cases; null without errors. */
  readonly share: { readonly value: number; readonly low: number; readonly high: number } | null;
  readonly example: CauseExample | null;
};

/** All errors of an arm, or those with a cause. */
export const errorsIn = ({ omitted, added, changed = 0 }: Pick<Causes, "omitted" | "added" | "changed">): number =>
  omitted + added + changed;

/** The errors of each kind; labels are never changed. */
export function countKinds(errors: readonly AnswerError[], unit: ErrorUnit) {
  const of = (wanted: ErrorKind): number => errors.filter(({ kind }) => kind === wanted).length;
  return { omitted: of("omitted"), added: of("added"), ...(unit === "label" ? {} : { changed: of("changed") }) };
}

/** The counts of each cause, and of the errors without one. */
export function countCauses(
  { unit, causes }: { readonly unit: ErrorUnit; readonly causes: readonly NamedCause[] },
  errors: readonly AnswerError[],
  seed: number,
  exampleOf: (error: AnswerError, cause: string) => CauseExample,
): readonly CauseCount[] {
  const counted: readonly NamedCause[] = [...causes, { name: "none", definition: "No rule applies" }];
  return counted.map(({ name, definition, phrase }) => {
    const has = (error: AnswerError): boolean =>
      name === "none" ? error.causes.length === 0 : error.causes.includes(name);
    const own = errors.filter(has);
    const examples = createRandom(seed)
      .sample(own, Math.min(own.length, mostTried))
      .map((error) => exampleOf(error, name));
    const [low, high] =
      errors.length === 0 ? [0, 1] : shareBounds(errors.map((error) => ({ isHit: has(error), group: error.id })));
    return {
      ...{ name, definition, ...(phrase === undefined ? {} : { phrase }), ...countKinds(own, unit) },
      share: errors.length === 0 ? null : { value: own.length / errors.length, low, high },
      example: examples.find(({ sentence }) => sentence !== null) ?? examples[0] ?? null,
    };
  });
}

/** Errors of which one with a sentence becomes the example. */
const mostTried = 20;

/** The errors of one cause in two arms: those of the other arm alone, of both, and of this arm alone. */
export type CauseChange = {
  readonly arm: string;
  /** Absent for values and answers, whose errors of all kinds are one. */
  readonly kind?: "omitted" | "added";
  readonly cause: string;
  readonly removed: number;
  readonly kept: number;
  readonly new: number;
};

/**
 * How the errors of each cause change from another arm to this one. A wrong label or value of the other arm is kept if
 * this arm has it, with whatever causes, and one of this arm is new if the other arm has it with no cause. Nearly all
 * answers in free text differ from their target: a wrong answer is kept if this arm has the same cause. Causes without
 * errors are left out.
 */
export function causeChanges(
  arm: string,
  { unit, causes }: { readonly unit: ErrorUnit; readonly causes: readonly NamedCause[] },
  other: readonly AnswerError[],
  own: readonly AnswerError[],
): readonly CauseChange[] {
  const keyOf = ({ id, kind, label }: AnswerError): string =>
    unit === "label" ? `${id}\0${kind}\0${label}` : `${id}\0${label}`;
  const [before, after] = [other, own].map((errors) => new Set(errors.map(keyOf))) as [Set<string>, Set<string>];
  return causes.flatMap(({ name }) =>
    (unit === "label" ? (["omitted", "added"] as const) : [undefined]).flatMap((kind) => {
      const caused = (errors: readonly AnswerError[]): readonly string[] =>
        errors.filter((error) => (kind === undefined || error.kind === kind) && error.causes.includes(name)).map(keyOf);
      const [theirs, ours] = [caused(other), caused(own)];
      const [isKept, isKnown] = unit === "answer" ? [new Set(ours), new Set(theirs)] : [after, before];
      const kept = theirs.filter((key) => isKept.has(key)).length;
      const added = ours.filter((key) => !isKnown.has(key)).length;
      if (theirs.length + added === 0) return [];
      return [{ arm, ...(kind && { kind }), cause: name, removed: theirs.length - kept, kept, new: added }];
    }),
  );
}
