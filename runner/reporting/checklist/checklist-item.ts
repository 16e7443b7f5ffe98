import { replayedArms, trainedHere } from "../../runs/replayed-arms.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Where a reader finds that something was done: a file by its digest, and the place in it. */
export type Evidence = {
  readonly file: string;
  readonly sha256: string;
  /** Key of a JSON file, heading of a text; absent where the file as a whole is meant. */
  readonly key?: string;
  /** What stands there, in words. */
  readonly says?: string;
};

/** What was found for one item. Only evidence makes a yes; a no says who must do what, and where. */
export type Verdict =
  | { readonly answer: "yes"; readonly evidence: readonly Evidence[] }
  | {
      readonly answer: "no";
      readonly why: string;
      readonly who: string;
      readonly where: string;
      /** What is there already. */
      readonly evidence: readonly Evidence[];
    }
  | { readonly answer: "not applicable"; readonly why: string };

/** One thing that the checklist asks for. Ids are stable: reviewers and scripts refer to them. */
export type Item = {
  readonly id: string;
  readonly asks: string;
  judge(material: Material): Verdict;
};

/** What items look at: finished runs, what people wrote, and files that stand beside them. */
export type Material = Study & {
  /** "<experiment>/<run>" -> its manifest. */
  readonly manifests: Readonly<Record<string, Evidence>>;
  /** The file of `report.notes`; absent where none is named. */
  readonly notesFile?: Evidence;
  readonly notebook?: Evidence;
  readonly dockerfile?: Evidence;
  readonly licence?: Evidence;
  /** What uploads have written down, by run: the repository on the hub and the commit there. */
  readonly uploads: Readonly<Record<string, { readonly repo: string; readonly record: Evidence }>>;
};

/** A run as commands and manifests name it. */
export const nameOf = ({ experiment, run }: RunFacts): string => `${experiment}/${run}`;

/** A key of a run's manifest, and what stands there. */
export function manifestKey({ manifests }: Material, run: RunFacts, key: string, says: string): Evidence {
  const manifest = manifests[nameOf(run)] as Evidence;
  return { ...manifest, key, says };
}

/** A file that a step of a run wrote; none where the run has no such step or file. */
export function outputOf(run: RunFacts, step: string, file: string, says?: string): readonly Evidence[] {
  const found = run.steps[step]?.files[file];
  if (found === undefined) return [];
  return [{ file: `${nameOf(run)}, ${step}: ${file}`, sha256: found.sha256, ...(says === undefined ? {} : { says }) }];
}

/** Yes where there is any evidence. */
export function yesIf(evidence: readonly Evidence[], otherwise: Omit<Left, "evidence">): Verdict {
  return evidence.length > 0 ? { answer: "yes", evidence } : { answer: "no", evidence, ...otherwise };
}

type Left = { readonly why: string; readonly who: string; readonly where: string; readonly evidence: Evidence[] };

/** What a heading of the notes answers, else a no that names it. `known` is what is there without it. */
export function fromNotes(
  { notes, notesFile }: Material,
  heading: string,
  why: string,
  known: readonly Evidence[] = [],
): Verdict {
  const text = notes[heading.toLowerCase()];
  if (text !== undefined && notesFile !== undefined) {
    return { answer: "yes", evidence: [{ ...notesFile, key: `## ${heading}` }, ...known] };
  }
  return { answer: "no", why, who: "the authors", where: `report.notes, heading "${heading}"`, evidence: known };
}

/** Evidence of every run of some; none as soon as one of them has none, since a claim holds for all or is no claim. */
export function ofEach(runs: readonly RunFacts[], look: (run: RunFacts) => readonly Evidence[]): readonly Evidence[] {
  const found = runs.map(look);
  return found.some((one) => one.length === 0) ? [] : found.flat();
}

/** Runs in which something was trained. */
export const trainedRuns = ({ runs }: Material): readonly RunFacts[] => runs.filter(trainedHere);

/** Why items about training have no answer. */
export const nothingTrained = ({ runs }: Material): string =>
  runs.some((run) => replayedArms(run).length > 0)
    ? "nothing was trained: answers were replayed from files"
    : "nothing was trained: the model answers from its prompt";

/** An item about training: not applicable to a study that trains nothing. */
export function aboutTraining(
  material: Material,
  look: (run: RunFacts) => readonly Evidence[],
  otherwise: Omit<Left, "evidence">,
): Verdict {
  const runs = trainedRuns(material);
  if (runs.length === 0) return { answer: "not applicable", why: nothingTrained(material) };
  return yesIf(ofEach(runs, look), otherwise);
}
