import {
  type Assessment,
  type ChecklistInput,
  type ChecklistItem,
  declaredOrigin,
  fromNotes,
} from "./checklist-item.ts";

/** Items on data that cannot be shared. */
export const dataItems: readonly ChecklistItem[] = [
  {
    id: "D1",
    requirement: "If the data cannot be shared: results on a related public data set, or a statement",
    assess: (input) =>
      shared(input) ?? fromNotes(input, "Data availability", "The notes do not state whether the data can be shared."),
  },
  {
    id: "D2",
    requirement: "If the data cannot be shared: a container to try the method",
    assess: (input) =>
      shared(input) ??
      fromNotes(
        input,
        "Container image",
        "The notes give no link to a public image.",
        input.dockerfile === undefined ? [] : [input.dockerfile],
      ),
  },
];

/** The assessment if the study declares that its rows may be published. */
function shared(input: ChecklistInput): Assessment | undefined {
  return declaredOrigin(input)?.publish === true
    ? { answer: "not applicable", reason: "The study declares that its data may be published." }
    : undefined;
}
