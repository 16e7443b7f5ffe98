import type { ModelArm } from "../../pipeline/steps/arm-names.ts";
import { missing, signedInterval, withInterval } from "../../util/format.ts";
import { gainText } from "../report/comparison-tables.ts";
import { armNamingOf, metricName, modelArms } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import type { RunFacts } from "../report/study.ts";

/** Base models and kinds of arms in one table, planned differences and interactions; none if the run has one model. */
export function sizes(run: RunFacts): readonly Block[] {
  const { comparison } = run;
  const arms = modelArms(run);
  const models = [...new Set(arms.map(({ model }) => model))];
  if (comparison === undefined || models.length < 2) return [];
  const { metric, view } = run.config.evaluate.primary;
  const kinds = [...new Set(arms.toSorted((a, b) => rank(a) - rank(b)).map(({ kind }) => kind))];
  return [
    heading(2, "Models and training"),
    {
      type: "table",
      id: `sizes-${run.run}`,
      caption: `${run.name}: ${metricName(metric)} (${view} view) by base model and kind of arm, with 95 % confidence intervals over cases.`,
      head: ["base model", ...kinds],
      align: ["left", ...kinds.map(() => "right" as const)],
      rows: models.map((model) => [
        model,
        ...kinds.map((kind) => {
          const found = arms.filter((one) => one.model === model && one.kind === kind);
          return found.length === 0
            ? missing
            : found.map(({ arm }) => withInterval(comparison.arms[arm]?.[metric])).join("; ");
        }),
      ]),
    },
    ...differences(run, comparison),
    { type: "figure", id: "gains", caption: gainsCaption(run), alt: "Zero-shot and tuned scores of each stratum" },
  ];
}

/** Untrained arms come first. */
const rank = ({ kind, isTrained }: ModelArm): number => (isTrained ? 2 : kind === "zero-shot" ? 0 : 1);

const gainsCaption = ({ analysis, name }: RunFacts): string =>
  `${name}: F1 of the zero-shot and the tuned arm of each base model, by training rows with the label and by group of the label (${analysis?.view ?? ""} view).`;

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
      caption: `Planned differences in ${metricName(metric)} and differences of gains, with 95 % confidence intervals. The line is no difference.`,
      alt: "Forest plot of differences with confidence intervals",
    },
  ];
}
