import { fromNotes, type Item } from "./checklist-item.ts";

/** Data that cannot be shared. */
export const dataItems: readonly Item[] = [
  {
    id: "D1",
    asks: "If the data cannot be shared: a result on a related public data set, or a statement that says so",
    judge: (material) => fromNotes(material, "Data availability", "whether the data can be shared is not written down"),
  },
  {
    id: "D2",
    asks: "If the data cannot be shared: a container in which the method can be tried",
    judge({ dockerfile }) {
      if (dockerfile !== undefined) return { answer: "yes", evidence: [dockerfile] };
      return {
        answer: "no",
        why: "there is no Dockerfile",
        who: "the authors",
        where: "exp export, which writes one",
        evidence: [],
      };
    },
  },
];
