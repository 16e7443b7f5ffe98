import { isDirty } from "../../data/dirty.ts";
import type { Lexicon } from "../../data/labels/lexicon.ts";
import type { View } from "../../data/labels/views.ts";
import type { LabelCount } from "../../data/labels.ts";
import type {
  Answer,
  AnswerError,
  CaseProperty,
  Category,
  CategoryContext,
  CauseRules,
  ComparedCase,
} from "../../plugins/tasks/category.ts";
import type { LabelGroups } from "../../plugins/tasks/task.ts";
import type { Estimate } from "../../util/bounds.ts";
import { createRandom } from "../../util/random.ts";
import { answerCauseFinder } from "./answer-causes.ts";
import { type Agreement, type ArmChange, agreement, armChange } from "./arm-change.ts";
import { type Calibration, calibrationOf } from "./calibration.ts";
import { type CaseScore, compareCase, scoreCases } from "./case.ts";
import { categoriesOf, generalCategories } from "./categories.ts";
import type { Causes } from "./cause-counts.ts";
import { causeFinder } from "./cause-finder.ts";
import { type Confusions, confusionsOf } from "./confusions.ts";
import { sentenceFinder } from "./sentence.ts";
import { type Strata, strataOf } from "./strata.ts";
import type { Subgroups } from "./subgroups.ts";

/** An arm's answers, and the label counts of its training rows. */
export type ArmAnswers = {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly labels: readonly LabelCount[];
};

/** The input of the error analysis. All arms answer the same cases in the same order. */
export type AnalysisInput = {
  readonly arms: readonly ArmAnswers[];
  readonly inputs: ReadonlyMap<string, string>;
  /** The training rows, from which the sentence of a label is learned. */
  readonly training: readonly { readonly input: string; readonly gold: unknown }[];
  readonly view: View;
  /** The parts of a target, or of a prediction with its target, in the view: labels, one text, or fields. */
  parts(value: unknown, gold?: unknown): readonly string[];
  /** Whether parts are labels: training counts, groups and confusions of labels are analysed then. */
  readonly hasLabels: boolean;
  readonly groups?: LabelGroups | undefined;
  /** The phrases that negate, date and hedge; default: English. */
  readonly lexicon?: Lexicon | undefined;
  /** Further names of a label. */
  readonly namesOf?: ((label: string) => readonly string[]) | undefined;
  /** The arm of the untrained model with which an arm's causes are compared. */
  readonly untrainedOf?: ((arm: string) => string | undefined) | undefined;
  /** Categories of the task. Categories of any answer follow them. */
  readonly categories: readonly Category[];
  /** The rules for causes of errors of a task without labels. Absent: the task has none. */
  readonly causes?: CauseRules | undefined;
  /** Properties of cases that the task defines, for strata. */
  readonly properties?: readonly CaseProperty[] | undefined;
  /** The primary metric of some answers, which strata show for a task without labels. */
  primary?(answers: readonly Answer[]): Promise<Estimate>;
  /** The arms of the classical baseline and of the untrained model; absent if the study has none. */
  readonly baseline?: string | undefined;
  readonly zeroShot?: string | undefined;
  readonly seed: number;
  /** Examples of each category. */
  readonly examples: number;
};

/**
 * A wrong case as an example: the label that it is about, and the sentence of the input that states it, if one clearly
 * does.
 */
export type Example = {
  readonly id: string;
  readonly label: string | null;
  readonly sentence: string | null;
  readonly gold: readonly string[];
  readonly given: readonly string[];
  /**
   * The wrong labels, values or answer with their causes; absent for a correct case and in runs of older versions.
   */
  readonly wrong_labels?: readonly Omit<AnswerError, "id">[];
};

/** One category of one arm. */
export type CategoryCount = {
  readonly name: string;
  readonly definition: string;
  readonly cases: number;
  /** A seeded sample. */
  readonly examples: readonly Example[];
};

/** The part of analysis.json about one arm. */
export type ArmAnalysis = CaseScore & {
  readonly wrong: number;
  readonly categories: readonly CategoryCount[];
  /** A seeded sample of the correct cases with labels, with a sentence of a label. Absent in runs of older versions. */
  readonly correct?: readonly Example[];
  /** The labels of the arm's training rows and their number of rows, in the view that is analysed. */
  readonly trained: readonly LabelCount[];
  readonly strata: Strata;
  readonly confusions: Confusions;
  /** Changes from the untrained model and from the classical baseline. */
  readonly against: readonly ArmChange[];
  readonly agreement: Agreement | null;
  readonly calibration: Calibration | null;
  /** The causes of the wrong labels, values or answers; null without rules. Absent in runs of older versions. */
  readonly causes?: Causes | null;
  /** Scores with and without cases whose gold is not a list of labels. */
  readonly dirty: { readonly rows: readonly string[]; readonly with: CaseScore; readonly without: CaseScore };
};

/** What analysis.json holds. */
export type Analysis = {
  readonly n: number;
  readonly view: View;
  readonly baseline: string | null;
  readonly zero_shot: string | null;
  readonly seed: number;
  readonly arms: Readonly<Record<string, ArmAnalysis>>;
  /** Absent without `evaluate.subgroups`. */
  readonly subgroups?: Subgroups;
};

/** One wrong case of one arm: a line of failures.jsonl. */
export type Failure = {
  readonly arm: string;
  readonly id: string;
  readonly categories: readonly string[];
  readonly omitted: readonly string[];
  readonly added: readonly string[];
  /** The causes of each wrong label, value or answer; absent without rules. */
  readonly causes?: readonly Omit<AnswerError, "id">[];
};

/** Assigns the wrong cases of every arm to categories, and scores each arm on strata of the cases. */
export async function analyse(
  input: AnalysisInput,
): Promise<{ readonly analysis: Analysis; readonly failures: readonly Failure[] }> {
  const parts = (value: unknown, gold?: unknown): readonly string[] => input.parts(value, gold);
  const compared = new Map(
    input.arms.map(({ name, answers }) => [name, answers.map((one) => compareCase(one, parts))]),
  );
  const groupsOf = (label: string): readonly string[] => input.groups?.groupsOf(label) ?? [];
  const training = input.training.map(({ input: text, gold }) => ({
    input: text,
    labels: input.hasLabels ? parts(gold) : [],
  }));
  const sentences = sentenceFinder(training);
  const finder = input.hasLabels
    ? causeFinder({
        ...input,
        ...{ compared, training, sentences, parts, targets: input.training.map(({ gold }) => gold) },
      })
    : undefined;
  const rules =
    input.hasLabels || input.causes === undefined
      ? undefined
      : answerCauseFinder({ ...input, compared, rules: input.causes });
  const categories = [...input.categories, ...generalCategories];
  const failures: Failure[] = [];
  const trainedLabels = new Map(
    input.arms.map(({ name, labels }) => {
      const trained = new Map<string, number>();
      for (const { label, count } of input.hasLabels ? labels : [])
        for (const form of parts([label])) trained.set(form, (trained.get(form) ?? 0) + count);
      return [name, trained];
    }),
  );
  const errors = new Map(
    [...trainedLabels].map(
      ([name, trained]) => [name, finder?.errorsOf(name, trained) ?? rules?.errorsOf(name) ?? []] as const,
    ),
  );
  const arms: (readonly [string, ArmAnalysis])[] = [];
  for (const { name } of input.arms) {
    const cases = compared.get(name) as readonly ComparedCase[];
    const trained = trainedLabels.get(name) as ReadonlyMap<string, number>;
    const classical = name === input.baseline ? undefined : compared.get(input.baseline ?? "");
    const context: CategoryContext = {
      trained: new Set(trained.keys()),
      groupsOf,
      input: (id) => input.inputs.get(id) ?? "",
    };
    const wrong = cases.filter(({ exact }) => !exact);
    const named = new Map(wrong.map((one) => [one, categoriesOf(one, categories, context)]));
    const causesOf = new Map<string, Omit<AnswerError, "id">[]>();
    for (const { id, ...error } of errors.get(name) ?? []) causesOf.set(id, [...(causesOf.get(id) ?? []), error]);
    for (const [{ id, omitted, added }, own] of named)
      failures.push({
        ...{ arm: name, id, categories: own, omitted, added },
        ...(finder === undefined && rules === undefined ? {} : { causes: causesOf.get(id) ?? [] }),
      });
    const quoted = ({ id, gold }: ComparedCase, label: string): string | null => {
      const text = input.inputs.get(id) ?? "";
      const found = gold.includes(label) ? finder?.quotes.stated(text, label) : finder?.quotes.named(text, label);
      return found?.sentence ?? null;
    };
    const exampleOf = (one: ComparedCase, { about }: Category): Example => {
      if (!input.hasLabels) {
        const own = rules === undefined ? {} : { wrong_labels: causesOf.get(one.id) ?? [] };
        return { id: one.id, label: null, sentence: null, gold: one.gold, given: one.given, ...own };
      }
      const label = (about === "added" ? one.added[0] : one.omitted[0]) ?? one.added[0] ?? null;
      const sentence = label === null ? null : quoted(one, label);
      return {
        ...{ id: one.id, label, sentence, gold: one.gold, given: one.given },
        wrong_labels: causesOf.get(one.id) ?? [],
      };
    };
    const correctExample = (one: ComparedCase): Example => {
      const stated = input.hasLabels ? one.gold.map((label) => ({ label, sentence: quoted(one, label) })) : [];
      const { label, sentence } = stated.find((found) => found.sentence !== null) ?? { label: null, sentence: null };
      return { id: one.id, label, sentence, gold: one.gold, given: one.given };
    };
    const others = [input.zeroShot, input.baseline].filter((other) => other !== undefined && other !== name);
    const isDirtyCase = ({ answer }: ComparedCase): boolean =>
      input.hasLabels && isDirty(answer.gold as readonly string[]);
    const dirty = cases.filter(isDirtyCase);
    arms.push([
      name,
      {
        ...scoreCases(cases),
        wrong: wrong.length,
        categories: categories.map((category) => {
          const own = wrong.filter((one) => named.get(one)?.includes(category.name));
          const drawn = createRandom(input.seed).sample(own, input.examples);
          return {
            name: category.name,
            definition: category.definition,
            cases: own.length,
            examples: drawn.map((one) => exampleOf(one, category)),
          };
        }),
        correct: createRandom(input.seed)
          .sample(
            cases.filter(({ exact, gold }) => exact && gold.length > 0),
            input.examples,
          )
          .map(correctExample),
        trained: [...trained].map(([label, count]) => ({ label, count })),
        strata: await strataOf(cases, {
          trainingRows: (label) => trained.get(label) ?? 0,
          groupsOf,
          input: context.input,
          hasLabels: input.hasLabels,
          properties: input.properties,
          ...(input.primary === undefined
            ? {}
            : {
                primary: (own) =>
                  (input.primary as NonNullable<AnalysisInput["primary"]>)(own.map(({ answer }) => answer)),
              }),
        }),
        confusions: confusionsOf(input.hasLabels ? cases : []),
        against: others.flatMap((other) => {
          const theirs = compared.get(other as string);
          return theirs === undefined ? [] : [armChange(other as string, theirs, cases, input.seed, input.examples)];
        }),
        agreement: classical === undefined ? null : agreement(input.baseline as string, classical, cases),
        calibration: calibrationOf(cases),
        causes: finder?.causesOf(name) ?? rules?.causesOf(name) ?? null,
        dirty: {
          rows: dirty.map(({ id }) => id),
          with: scoreCases(cases),
          without: scoreCases(cases.filter((one) => !isDirtyCase(one))),
        },
      },
    ]);
  }
  const analysis: Analysis = {
    n: input.arms[0]?.answers.length ?? 0,
    view: input.view,
    baseline: input.baseline ?? null,
    zero_shot: input.zeroShot ?? null,
    seed: input.seed,
    arms: Object.fromEntries(arms),
  };
  return { analysis, failures };
}
