import { labelTask } from "../../../evaluation/labels/label-task.ts";

/** A set of labels, which may be empty. */
export const labelSet = labelTask({
  name: "label_set",
  description: "A set of labels, which may be empty.",
  isSingle: false,
  words: {
    task: "Each case is a text and a set of labels, which may be empty.",
    output: "a set of labels from a text",
  },
});
