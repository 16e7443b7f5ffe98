import { labelTask } from "../../../evaluation/labels/label-task.ts";

/** A set of labels, which may be empty. */
export const labelSet = labelTask({
  name: "label_set",
  description: "A set of labels, which may be empty.",
  isSingle: false,
  words: {
    task: "Each case consists of an input text and a set of gold labels, which may be empty.",
    output: "a set of labels from a text",
  },
});
