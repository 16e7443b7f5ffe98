import { textCategories } from "../../../evaluation/text/categories.ts";
import { textMetrics } from "../../../evaluation/text/metrics.ts";
import type { Task } from "../task.ts";

/** A free text, such as a summary, a title or a reply. */
export const text: Task<string, string | null> = {
  name: "text",
  description: "A free text.",
  schema: {},
  views: ["raw", "basic"],
  metrics: textMetrics,
  isJudged: true,
  baselines: ["lead", "nearest"],
  defaults: {
    metrics: ["rouge_l", "rouge_1", "rouge_2", "token_f1", "exact_match", "bleu", "chrf", "length_ratio"],
    primary: { metric: "rouge_l", view: "raw" },
    baselines: ["lead", "nearest"],
  },
  predictionKey: "prediction",
  categories: textCategories,
  words: {
    task: "Each case consists of an input text and one target text.",
    output: "a text from a text",
    views:
      "Texts are compared in two views. Raw: without outer whitespace. Basic: Unicode form, letter case, inner whitespace and trailing punctuation normalised. ",
  },
  instruction: () => ({ labels: "", form: "Answer with the text alone, without an introduction or an explanation." }),
  parsingSettings: () => null,
  trainingSettings: () => null,
  files: () => ({ scoring: {}, analysis: {} }),
  async open() {
    const { openText } = await import("../../../evaluation/text/open-text.ts");
    return openText;
  },
};
