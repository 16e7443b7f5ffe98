import { scoringOf } from "../../pipeline/steps/task.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { definitionOf } from "../../plugins/metrics/metric.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { integer } from "../../util/format.ts";
import { metricName } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";
import { intervalMethods } from "../report/interval-methods.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Definitions of the metrics and the label views, and the statistical methods. */
export function metric({ runs }: Study): readonly Block[] {
  const run = runs.at(-1) as RunFacts;
  const { config } = run;
  const hasLabels = tasks.get(config.task).labels !== undefined;
  const { primary, bootstrap } = config.evaluate;
  return [
    heading(1, "Evaluation metrics and statistics"),
    ...(hasLabels ? labelMetrics(config) : definitions(config)),
    paragraph(
      ...(hasLabels ? labelViews : []),
      `The primary metric, fixed before the evaluation, is ${metricName(primary.metric)} in the ${primary.view} view.`,
    ),
    paragraph(
      ...intervalText(run, integer(bootstrap.resamples)),
      "Differences between two arms on the same cases are tested with approximate randomisation, and exact match with " +
        "McNemar's exact test ",
      { cite: "mcnemar" },
      ". p-values are adjusted within one family of tests with Holm's method ",
      { cite: "holm" },
      `. ${hasLabels ? labelSpace : ""}`,
    ),
  ];
}

/** The methods by which the intervals of a run were computed. */
function intervalText({ comparison }: RunFacts, resamples: string): readonly Span[] {
  if (comparison === undefined)
    return [`Confidence intervals are 95 % intervals over cases, with ${resamples} resamples. `];
  const { methods, absent, isBca } = intervalMethods(comparison, metricName);
  return [
    `95 % confidence intervals over cases, by method: ${methods.join("; ")}`,
    ...(isBca ? [" ", { cite: "bca" }] : []),
    `. The number of resamples is ${resamples}. `,
    ...absent.map((text) => `${text}. `),
  ];
}

const labelMetrics = (config: Experiment): readonly Block[] => [
  paragraph(
    "A prediction is parsed as a set of labels; order and repetition of labels have no effect. With true positives (TP), false " +
      "positives (FP) and false negatives (FN) summed over all cases and labels,",
  ),
  {
    type: "equation",
    typst: '"micro-F1" = (2 "TP") / (2 "TP" + "FP" + "FN")',
    plain: "micro-F1 = 2 TP / (2 TP + FP + FN)",
  },
  paragraph(
    `Macro-F1 is the mean F1 over the labels with gold cases. ${metricName("macro_f1_min5")}: ${definitionOf(tasks.get(config.task).metrics.get("macro_f1_min5"), scoringOf(config))}. ` +
      "Samples-F1 is the mean F1 over the cases. Exact match is the " +
      "proportion of cases whose predicted set equals the gold set. The Jaccard index of a case is the size of the intersection " +
      "divided by the size of the union. Names and averaging follow scikit-learn ",
    { cite: "sklearn" },
    ". A zero denominator scores 0, so a case with an empty gold set and an empty predicted set has a samples score of 0.",
  ),
];

/** The definitions of a task without labels, from the registry of its metrics. */
function definitions(config: Experiment): readonly Block[] {
  const { task, evaluate } = config;
  const { metrics } = tasks.get(task);
  const items = evaluate.metrics.map((name): readonly Span[] => [
    { strong: metricName(name) },
    `: ${definitionOf(metrics.get(name), scoringOf(config))}.`,
  ]);
  return [{ type: "list", items }];
}

const labelViews: readonly Span[] = [
  "Labels are compared in three views. ",
  { strong: "Raw" },
  ": spelling unchanged. ",
  { strong: "Basic" },
  ": Unicode form, letter case, inner whitespace and trailing punctuation normalised. ",
  { strong: "Canonical" },
  ": basic, with synonyms of the study's synonym file merged and hedges such as “(possible)” removed. ",
];

const labelSpace =
  "The compared arms share one label space: the labels of the training rows and the gold labels. All other predicted labels count " +
  "as one additional out-of-set label.";
