import { metricWord } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import type { Study } from "../report/study.ts";

/** What is measured, as formulas, beside the numbers that they give. */
export function metric({ runs }: Study): readonly Block[] {
  const config = runs.at(-1)?.config;
  const primary = config?.evaluate.primary;
  return [
    heading(1, "The metric"),
    paragraph(
      "An answer is read as a set of labels, and scored as a set: the order in which labels stand and their repetition do not count. " +
        "With true positives, false positives and false negatives counted over all cases and labels,",
    ),
    {
      type: "equation",
      typst: '"micro-F1" = (2 "TP") / (2 "TP" + "FP" + "FN")',
      plain: "micro-F1 = 2 TP / (2 TP + FP + FN)",
    },
    paragraph(
      "Macro-F1 is the mean of the F1 of each label of the label space, samples-F1 the mean of the F1 of each case, and exact match the share of " +
        "cases whose two sets are equal. The Jaccard index of a case is the size of the intersection by that of the union. Names and " +
        "averaging are those of scikit-learn ",
      { cite: "sklearn" },
      ", with a zero denominator scored 0; where both sets are empty a samples score is therefore 0.",
    ),
    paragraph(
      "Labels are compared in three views. ",
      { strong: "Raw" },
      ": as they stand. ",
      { strong: "Basic" },
      ": Unicode, case, inner spaces and trailing punctuation made equal. ",
      { strong: "Canonical" },
      ": besides, names that the study's synonym file declares to be one, and hedges such as “(possible)” taken off. ",
      `The primary metric, named beforehand, is ${metricWord(primary?.metric ?? "")} in the ${primary?.view} view.`,
    ),
    paragraph(
      "Intervals are bias-corrected and accelerated bootstrap intervals over cases ",
      { cite: "bca" },
      `, ${(config?.evaluate.bootstrap.resamples ?? 0).toLocaleString("en")} samples. Differences between two arms on the same cases are tested by approximate ` +
        "randomisation, exact match by McNemar's exact test ",
      { cite: "mcnemar" },
      "; p-values of one family are corrected by Holm's method ",
      { cite: "holm" },
      ". Compared arms share one label space: the labels of the training rows and of gold; every other predicted label counts as one more, out of set.",
    ),
  ];
}
