import { labelTask } from "../../../evaluation/labels/label-task.ts";

/** Exactly one label. */
export const singleLabel = labelTask({
  name: "single_label",
  description: "Exactly one label.",
  isSingle: true,
  words: { task: "Each case consists of an input text and exactly one gold label.", output: "one label from a text" },
});
