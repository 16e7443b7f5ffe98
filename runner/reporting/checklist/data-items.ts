import { type ChecklistItem, fromNotes } from "./checklist-item.ts";

/** Items on data that cannot be shared. */
export const dataItems: readonly ChecklistItem[] = [
  {
    id: "D1",
    requirement: "If the data cannot be shared: results on a related public data set, or a statement",
    assess: (input) => fromNotes(input, "Data availability", "The notes do not state whether the data can be shared."),
  },
  {
    id: "D2",
    requirement: "If the data cannot be shared: a container to try the method",
    assess({ dockerfile }) {
      if (dockerfile !== undefined) return { answer: "yes", evidence: [dockerfile] };
      return {
        answer: "no",
        reason: "There is no Dockerfile.",
        responsible: "authors",
        action: "exp export, which writes one",
        evidence: [],
      };
    },
  },
];
