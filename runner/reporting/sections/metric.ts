import { metricsOf, scoringOf } from "../../pipeline/steps/task.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { definitionOf } from "../../plugins/metrics/metric.ts";
import { shownMetrics } from "../../plugins/metrics/own-metric.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { integer } from "../../util/format.ts";
import { metricName, namingOf } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";
import { intervalMethods } from "../report/interval-methods.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Definitions of the metrics and the views, and the statistical methods. */
export function metric({ runs }: Study): readonly Block[] {
  const run = runs.at(-1) as RunFacts;
  const { config } = run;
  const { labels, words } = tasks.get(config.task);
  const hasLabels = labels !== undefined;
  const { primary, bootstrap } = config.evaluate;
  return [
    heading(1, "Evaluation metrics and statistics"),
    ...(hasLabels ? [labelAnswers(labels.isSingle)] : []),
    definitions(config),
    paragraph(
      ...(hasLabels ? labelViews : [words.views ?? ""]),
      `The primary metric, fixed before the evaluation, is ${metricName(primary.metric)} in the ${primary.view} view.`,
    ),
    paragraph(
      ...intervalText(run, integer(bootstrap.resamples)),
      ...testText(run),
      ". p-values are adjusted within one family of tests with Holm's method ",
      { cite: "holm" },
      `. ${hasLabels ? labelSpace : ""}`,
    ),
  ];
}

/** The tests between two arms; with groups of cases, what is resampled. */
function testText({ comparison }: RunFacts): readonly Span[] {
  const groups = comparison?.case_groups;
  const tested =
    "Differences between two arms on the same cases are tested with approximate randomisation, and the numbers of correct cases with ";
  if (groups === undefined) return [`${tested}McNemar's exact test `, { cite: "mcnemar" }];
  return [
    `Cases of one group depend on each other: resamples draw, and tests swap, whole groups (${integer(groups)} in the scored split). `,
    `${tested}the exact distribution over all swaps of groups`,
  ];
}

/** The methods by which the intervals of a run were computed. */
function intervalText(run: RunFacts, resamples: string): readonly Span[] {
  const { comparison } = run;
  if (comparison === undefined)
    return [`Confidence intervals are 95 % intervals over cases, with ${resamples} resamples. `];
  const { methods, absent } = intervalMethods(comparison, namingOf(run));
  return [
    "95 % confidence intervals over cases, by method: ",
    ...methods.flatMap(({ method, text }, at): readonly Span[] => [
      `${at === 0 ? "" : "; "}${text}`,
      ...(method === "bca" ? [" ", { cite: "bca" }] : []),
    ]),
    `. The number of resamples is ${resamples}. `,
    ...absent.map((text) => `${text}. `),
  ];
}

const labelAnswers = (isSingle: boolean): Block =>
  paragraph(
    isSingle
      ? "A prediction is parsed as one label. "
      : "A prediction is parsed as a set of labels; order and repetition of labels have no effect. ",
    "TP, FP and FN are the numbers of true positives, false positives and false negatives. Names and averaging of the " +
      "metrics follow scikit-learn ",
    { cite: "sklearn" },
    ". A zero denominator scores 0, unless a definition says otherwise.",
  );

/** The definitions of the metrics that tables show, from the registry of the task. */
function definitions(config: Experiment): Block {
  const { evaluate } = config;
  const metrics = metricsOf(config);
  const items = [...new Set([...shownMetrics(evaluate), evaluate.primary.metric])].map((name): readonly Span[] => {
    const own = metrics.get(name);
    return [
      { strong: metricName(name) },
      `: ${definitionOf(own, scoringOf(config))}`,
      ...(own.citations ?? []).flatMap(({ key }): readonly Span[] => [" ", { cite: key }]),
      ".",
    ];
  });
  return { type: "list", items };
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
