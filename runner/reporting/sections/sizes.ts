import type { ModelArm } from "../../pipeline/steps/arm-names.ts";
import { missing, plural, score, signedInterval, withInterval } from "../../util/format.ts";
import { gainsByStratum, type StratumGain } from "../figures/gains.ts";
import { differenceOf } from "../report/arm-differences.ts";
import { gainText } from "../report/comparison-tables.ts";
import { armNamingOf, metricName, modelArms } from "../report/display-names.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import { sizeText } from "../report/scored-cases.ts";
import type { RunFacts } from "../report/study.ts";

/** Base models and kinds of arms in one table, planned differences and interactions; none if the run has one model. */
export function sizes(run: RunFacts): readonly Block[] {
  const { comparison } = run;
  const arms = modelArms(run);
  const models = [...new Set(arms.map(({ model }) => model))];
  if (comparison === undefined || models.length < 2) return [];
  const { metric, view } = run.config.evaluate.primary;
  /** The difference between two arms, if each of two lists has one. */
  const difference = (of: readonly ModelArm[], against: readonly ModelArm[]): string => {
    const pair = pairOf(against, of);
    const found = pair === undefined ? undefined : differenceOf(comparison, pair.to, pair.from, metric);
    return found === undefined ? missing : signedInterval(found);
  };
  const kinds = [...new Set(arms.toSorted((a, b) => rank(a) - rank(b)).map(({ kind }) => kind))];
  const armOf = (model: string, kind: string) => arms.filter((one) => one.model === model && one.kind === kind);
  const first = kinds[0] as string;
  // A kind of arm has a gain over the first one in each model that has one arm of both.
  const gaining = kinds
    .slice(1)
    .filter((kind) => models.some((model) => pairOf(armOf(model, first), armOf(model, kind))));
  const between = models.length === 2 ? (models as [string, string]) : undefined;
  const gainOf = (from: string, to: string) =>
    comparison.interactions?.find(({ a, b }) => a.to === to && b.to === from);
  return [
    heading(2, "Models and training"),
    paragraph(
      ...about(`sizes-${run.run}`, "relates base models and training."),
      ...about("contrasts", "plots the planned differences."),
      ...about("gains", "plots the change of F1 by training in each stratum of labels."),
      ...gainTexts(run),
    ),
    {
      type: "table",
      id: `sizes-${run.run}`,
      caption: `${run.name}: ${metricName(metric)} (${view} view) by base model and kind of arm, and paired differences between them, with 95 % confidence intervals over cases${sizeText(run)}.`,
      head: ["base model", ...kinds, ...gaining.map((kind) => `${kind} − ${first}`)],
      align: ["left", ...[...kinds, ...gaining].map(() => "right" as const)],
      rows: [
        ...models.map((model) => [
          model,
          ...kinds.map((kind) => {
            const found = armOf(model, kind);
            return found.length === 0
              ? missing
              : found.map(({ arm }) => withInterval(comparison.arms[arm]?.[metric])).join("; ");
          }),
          ...gaining.map((kind) => difference(armOf(model, kind), armOf(model, first))),
        ]),
        ...(between === undefined
          ? []
          : [
              [
                between.join(" − "),
                ...kinds.map((kind) => difference(armOf(between[0], kind), armOf(between[1], kind))),
                ...gaining.map((kind) => {
                  const found = gainOf(armOf(between[1], kind)[0]?.arm ?? "", armOf(between[0], kind)[0]?.arm ?? "");
                  return found === undefined ? missing : signedInterval(found);
                }),
              ],
            ]),
      ],
    },
    ...differences(run, comparison),
    { type: "figure", id: "gains", caption: gainsCaption(run), alt: "Zero-shot and tuned scores of each stratum" },
  ];
}

/** The arms to compare; undefined unless each list has one. */
function pairOf(
  from: readonly ModelArm[],
  to: readonly ModelArm[],
): { readonly from: string; readonly to: string } | undefined {
  const [a, b] = [from[0], to[0]];
  if (a === undefined || b === undefined || from.length > 1 || to.length > 1) return undefined;
  return { from: a.arm, to: b.arm };
}

/** Untrained arms come first. */
const rank = ({ kind, isTrained }: ModelArm): number => (isTrained ? 2 : kind === "zero-shot" ? 0 : 1);

const gainsCaption = ({ analysis, name }: RunFacts): string =>
  `${name}: F1 of the zero-shot and the tuned arm of each base model, by training rows with the label and by group of the label (${analysis?.view ?? ""} view). A stratum has the gold labels of all cases; the table of strata counts them.`;

/** The forest plot of planned contrasts, and the differences of gains; none if only the subject is tested. */
function differences(run: RunFacts, comparison: NonNullable<RunFacts["comparison"]>): readonly Block[] {
  const { family, interactions = [] } = comparison;
  const { metric } = family;
  if (family.contrasts === undefined) return [];
  const armName = armNamingOf(run);
  return [
    ...interactions.map(({ a, b, ...found }) =>
      paragraph(
        `Interaction ${gainText(a, armName)} − ${gainText(b, armName)}: the gains in ${metricName(metric)} differ by `,
        { strong: signedInterval(found) },
        found.low === undefined
          ? "."
          : found.low > 0 || found.high < 0
            ? ". The interval excludes 0."
            : ". The interval contains 0, so the cases do not show which model gains more.",
      ),
    ),
    {
      type: "figure",
      id: "contrasts",
      caption: `Planned differences in ${metricName(metric)} and differences of gains, with 95 % confidence intervals${sizeText(run)}. The line is no difference. Each panel has its own scale.`,
      alt: "Forest plot of differences with confidence intervals",
    },
  ];
}

/** The strata in which training changes the F1 of a base model most and least. */
function gainTexts(run: RunFacts): readonly string[] {
  const all = gainsByStratum(run);
  const models = [...new Set(all.map(({ model }) => model))];
  return models.flatMap((model) => {
    const ranked = all.filter((one) => one.model === model).sort((a, b) => b.to - b.from - (a.to - a.from));
    const [most, least] = [ranked[0], ranked.at(-1)];
    if (most === undefined || least === undefined || most === least) return [];
    const text = ({ stratum, from, to, gold }: StratumGain): string =>
      `${stratum} (from ${score(from)} to ${score(to)}, ${plural(gold, "gold label")})`;
    return [`The change for ${model} is greatest in the stratum ${text(most)} and least in ${text(least)}. `];
  });
}
