import { isDirty } from "../../data/dirty.ts";
import { basicForm } from "../../data/labels/basic.ts";
import type { Groups } from "../../data/labels/synonyms.ts";
import { type Synonyms, type View, viewOf } from "../../data/labels/views.ts";
import type { LabelCount } from "../../data/labels.ts";
import { createRandom } from "../../util/random.ts";
import { type Against, type Agreement, against, agreement } from "./against.ts";
import { type Calibration, calibrationOf } from "./calibration.ts";
import { type Answer, type CaseScore, type Compared, compareCase, scoreCases } from "./case.ts";
import { type CategoryContext, categories, categoriesOf } from "./categories.ts";
import { type Confusions, confusionsOf } from "./confusions.ts";
import { sentenceFinder } from "./sentence.ts";
import { type Strata, strataOf } from "./strata.ts";

/** An arm's answers, and the label counts of the rows that it learnt from. */
export type ArmAnswers = {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly labels: readonly LabelCount[];
};

/** What is analysed, and how. Every arm answers the same cases in the same order. */
export type AnalysisInput = {
  readonly arms: readonly ArmAnswers[];
  readonly inputs: ReadonlyMap<string, string>;
  readonly view: View;
  readonly synonyms?: Synonyms | undefined;
  readonly groups?: Groups | undefined;
  /** The arm of the classical baseline, and that of the untrained model, where there are. */
  readonly baseline?: string | undefined;
  readonly zeroShot?: string | undefined;
  readonly seed: number;
  /** Examples of each category. */
  readonly examples: number;
};

/** A wrong case as an example: the label that it is about, and the sentence of the input that speaks of that label most. */
export type Example = {
  readonly id: string;
  readonly label: string | null;
  readonly sentence: string | null;
  readonly gold: readonly string[];
  readonly given: readonly string[];
};

/** One category of one arm. */
export type CategoryCount = {
  readonly name: string;
  readonly definition: string;
  readonly cases: number;
  /** Drawn by the seed. */
  readonly examples: readonly Example[];
};

/** What analysis.json has of one arm. */
export type ArmAnalysis = CaseScore & {
  readonly wrong: number;
  readonly categories: readonly CategoryCount[];
  readonly strata: Strata;
  readonly confusions: Confusions;
  /** Beside the untrained model and the classical baseline. */
  readonly against: readonly Against[];
  readonly agreement: Agreement | null;
  readonly calibration: Calibration | null;
  /** Scores with and without rows whose gold is no list of labels. */
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
};

/** One wrong case of one arm: a line of failures.jsonl. */
export type Failure = {
  readonly arm: string;
  readonly id: string;
  readonly categories: readonly string[];
  readonly omitted: readonly string[];
  readonly added: readonly string[];
};

/** Sorts every arm's wrong cases into categories, and says where an arm is good and where it is not. */
export function analyse(input: AnalysisInput): { readonly analysis: Analysis; readonly failures: readonly Failure[] } {
  const of = viewOf(input.view, input.synonyms);
  const compared = new Map(input.arms.map(({ name, answers }) => [name, answers.map((one) => compareCase(one, of))]));
  const groupsOf = grouping(input);
  const find = sentenceFinder([...input.inputs.values()], kinOf(input));
  const failures: Failure[] = [];
  const arms = input.arms.map(({ name, labels }): [string, ArmAnalysis] => {
    const cases = compared.get(name) as readonly Compared[];
    const trained = new Map<string, number>();
    for (const { label, count } of labels) trained.set(of(label), (trained.get(of(label)) ?? 0) + count);
    const classical = name === input.baseline ? undefined : compared.get(input.baseline ?? "");
    const context: CategoryContext = {
      trained: new Set(trained.keys()),
      groupsOf,
      baseline: byId(classical),
    };
    const wrong = cases.filter(({ exact }) => !exact);
    const named = new Map(wrong.map((one) => [one, categoriesOf(one, context)]));
    for (const [{ id, omitted, added }, own] of named)
      failures.push({ arm: name, id, categories: own, omitted, added });
    const exampleOf = (one: Compared, category: string): Example => {
      const label =
        (category === "addition" || category === "out_of_set" ? one.added[0] : one.omitted[0]) ?? one.added[0] ?? null;
      const sentence = label === null ? undefined : find(input.inputs.get(one.id) ?? "", label);
      return { id: one.id, label, sentence: sentence ?? null, gold: one.gold, given: one.given };
    };
    const others = [input.zeroShot, input.baseline].filter((other) => other !== undefined && other !== name);
    const dirty = cases.filter(({ answer }) => isDirty(answer.gold));
    return [
      name,
      {
        ...scoreCases(cases),
        wrong: wrong.length,
        categories: categories.map(({ name: category, definition }) => {
          const own = wrong.filter((one) => named.get(one)?.includes(category));
          const drawn = createRandom(input.seed).shuffled(own).slice(0, input.examples);
          return {
            name: category,
            definition,
            cases: own.length,
            examples: drawn.map((one) => exampleOf(one, category)),
          };
        }),
        strata: strataOf(cases, {
          trainingRows: (label) => trained.get(label) ?? 0,
          groupsOf,
          input: (id) => input.inputs.get(id) ?? "",
        }),
        confusions: confusionsOf(cases),
        against: others.flatMap((other) => {
          const theirs = compared.get(other as string);
          return theirs === undefined ? [] : [against(other as string, theirs, cases, input.seed, input.examples)];
        }),
        agreement: classical === undefined ? null : agreement(input.baseline as string, classical, cases),
        calibration: calibrationOf(cases),
        dirty: {
          rows: dirty.map(({ id }) => id),
          with: scoreCases(cases),
          without: scoreCases(cases.filter(({ answer }) => !isDirty(answer.gold))),
        },
      },
    ];
  });
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

function byId(cases: readonly Compared[] | undefined): CategoryContext["baseline"] {
  const given = new Map(cases?.map((one) => [one.id, one.given]));
  return (id) => given.get(id);
}

/** Groups of a label in whatever view: by its basic form, or by that of its canonical form. */
function grouping({ groups, synonyms }: AnalysisInput): (label: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (label) => {
    let own = known.get(label);
    if (own === undefined) {
      own = groups?.get(basicForm(label)) ?? groups?.get(synonyms?.canonical(label) ?? "") ?? [];
      known.set(label, own);
    }
    return own;
  };
}

/** All labels that share a group with a label. */
function kinOf(input: AnalysisInput): (label: string) => readonly string[] {
  const groupsOf = grouping(input);
  const members = new Map<string, string[]>();
  for (const [label, groups] of input.groups ?? []) {
    for (const group of groups) {
      const list = members.get(group) ?? [];
      list.push(label);
      members.set(group, list);
    }
  }
  return (label) => groupsOf(label).flatMap((group) => members.get(group) ?? []);
}
