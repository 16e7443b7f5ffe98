import type { View } from "../../data/labels/views.ts";
import type { AnswerError, CauseRules, ComparedCase } from "../../plugins/tasks/category.ts";
import { type Causes, causeChanges, countCauses, countKinds, type FieldErrors } from "./cause-counts.ts";

/** The input of the cause finder of a task without labels. All arms answer the same cases in the same order. */
export type AnswerCauseInput = {
  readonly rules: CauseRules;
  readonly compared: ReadonlyMap<string, readonly ComparedCase[]>;
  readonly inputs: ReadonlyMap<string, string>;
  readonly view: View;
  /** The arm of the untrained model with which an arm is compared. */
  readonly untrainedOf?: ((arm: string) => string | undefined) | undefined;
  readonly seed: number;
};

/** Finds the causes of the wrong values or answers of each arm by the rules of the task. */
export function answerCauseFinder({ rules, compared, inputs, view, untrainedOf, seed }: AnswerCauseInput) {
  const textOf = (id: string): string => inputs.get(id) ?? "";
  const errors = new Map<string, readonly AnswerError[]>();
  for (const [arm, cases] of compared)
    errors.set(
      arm,
      cases.filter(({ exact }) => !exact).flatMap((one) => rules.errors(one, textOf(one.id), view)),
    );
  const errorsOf = (arm: string): readonly AnswerError[] => errors.get(arm) ?? [];
  return {
    errorsOf,
    causesOf(arm: string): Causes {
      const own = errorsOf(arm);
      const cases = new Map((compared.get(arm) ?? []).map((one) => [one.id, one]));
      const other = untrainedOf?.(arm);
      const theirs = other === undefined || other === arm ? undefined : errors.get(other);
      const counts = countCauses(rules, own, seed, ({ causes: _, ...error }, cause) => {
        const one = cases.get(error.id) as ComparedCase;
        const quote = rules.quote({ ...error, causes: [] }, cause, one, textOf(error.id));
        return { ...error, sentence: null, name: null, trigger: null, ...quote };
      });
      const fields = fieldErrors(rules, [...cases.values()], own, view);
      return {
        ...{ unit: rules.unit, ...countKinds(own, rules.unit), counts, stated: [] },
        ...(fields === undefined ? {} : { fields }),
        against: theirs === undefined ? [] : causeChanges(other as string, rules, theirs, own),
      };
    },
  };
}

/** Gold values and errors by field, in the order of the targets; undefined for a task without fields. */
function fieldErrors(
  { support, fieldOf, causes }: CauseRules,
  cases: readonly ComparedCase[],
  errors: readonly AnswerError[],
  view: View,
): readonly FieldErrors[] | undefined {
  if (support === undefined || fieldOf === undefined) return undefined;
  const gold = new Map<string, number>();
  for (const field of cases.flatMap((one) => support(one, view))) gold.set(field, (gold.get(field) ?? 0) + 1);
  const known = new Set(gold.keys());
  const byField = new Map<string, AnswerError[]>([...gold.keys()].map((field) => [field, []]));
  for (const error of errors) {
    const field = fieldOf(error, known);
    byField.set(field, [...(byField.get(field) ?? []), error]);
  }
  return [...byField].map(([name, own]) => {
    const added = own.filter(({ kind }) => kind === "added").length;
    const counts = causes.map(
      (cause) => [cause.name, own.filter((one) => one.causes.includes(cause.name)).length] as const,
    );
    return {
      ...{ name, gold: gold.get(name) ?? 0, wrong: own.length - added, added },
      causes: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    };
  });
}
