import { dirname, join } from "node:path";
import { trainedHere } from "../../runs/replayed-arms.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { noTrainingText } from "../report/replayed-arms.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Evidence for an item: a file by digest, and the location in it. */
export type Evidence = {
  readonly file: string;
  readonly sha256: string;
  /** Key of a JSON file or heading of a text file; absent for the whole file. */
  readonly key?: string;
  /** The content at this location. */
  readonly detail?: string;
};

/** The assessment of an item. "yes" requires evidence; "no" names the reason, the responsible person and the action. */
export type Assessment =
  | { readonly answer: "yes"; readonly evidence: readonly Evidence[] }
  | ({ readonly answer: "no" } & Missing & {
        /** Partial evidence. */
        readonly evidence: readonly Evidence[];
      })
  | { readonly answer: "not applicable"; readonly reason: string };

/** What an item lacks, who can provide it, and how. */
export type Missing = { readonly reason: string; readonly responsible: string; readonly action: string };

/** One item of the checklist. Ids are stable, so that reviewers and scripts can refer to them. */
export type ChecklistItem = {
  readonly id: string;
  readonly requirement: string;
  assess(input: ChecklistInput): Assessment;
};

/** The data that items are assessed on: runs, author notes and project files. */
export type ChecklistInput = Study & {
  /** "<experiment>/<run>" -> its manifest. */
  readonly manifests: Readonly<Record<string, Evidence>>;
  /** The file of `report.notes`; absent if the experiment names none. */
  readonly notesFile?: Evidence;
  readonly notebook?: Evidence;
  readonly dockerfile?: Evidence;
  readonly licence?: Evidence;
  /** The address of the project's repository, if it has one. */
  readonly repository?: string | undefined;
  /** "<experiment>/<run>" -> the last upload of its model. */
  readonly uploads: Readonly<Record<string, { readonly repo: string; readonly record: Evidence }>>;
};

/** The data of the README. */
export type ReadmeInput = ChecklistInput & {
  /** The files of an exported folder; absent for the README of a project. */
  readonly files?: readonly string[];
};

/** The name of a run in commands and manifests. */
export const nameOf = ({ experiment, run }: RunFacts): string => `${experiment}/${run}`;

/** Evidence: a key of a run's manifest. */
export function manifestKey({ manifests }: ChecklistInput, run: RunFacts, key: string, detail: string): Evidence {
  const manifest = manifests[nameOf(run)] as Evidence;
  return { ...manifest, key, detail };
}

/** The path of an output file of a step, next to the manifest of the run. */
export function outputPath({ manifests }: ChecklistInput, run: RunFacts, step: string, file: string): string {
  return join(dirname((manifests[nameOf(run)] as Evidence).file), outputFolder(step), file);
}

/** Evidence: an output file of a step. Empty if the run has no such step or file. */
export function outputOf(
  input: ChecklistInput,
  run: RunFacts,
  step: string,
  file: string,
  detail?: string,
): readonly Evidence[] {
  const found = run.steps[step]?.files[file];
  if (found === undefined) return [];
  const path = outputPath(input, run, step, file);
  return [{ file: path, sha256: found.sha256, ...(detail === undefined ? {} : { detail }) }];
}

/** "yes" if there is evidence, else "no" with `otherwise`. */
export function yesIf(evidence: readonly Evidence[], otherwise: Missing): Assessment {
  return evidence.length > 0 ? { answer: "yes", evidence } : { answer: "no", evidence, ...otherwise };
}

/** "yes" if the author notes have the heading, else "no" with the partial evidence. */
export function fromNotes(
  { notes, notesFile }: ChecklistInput,
  heading: string,
  reason: string,
  partial: readonly Evidence[] = [],
): Assessment {
  const text = notes[heading.toLowerCase()];
  if (text !== undefined && notesFile !== undefined) {
    return { answer: "yes", evidence: [{ ...notesFile, key: `## ${heading}` }, ...partial] };
  }
  return {
    answer: "no",
    reason,
    responsible: "authors",
    action: `add the heading "${heading}" to report.notes`,
    evidence: partial,
  };
}

/** What all runs declare about their data; undefined if one declares nothing or something else. */
export function declaredOrigin({ runs }: ChecklistInput): RunFacts["config"]["data"]["origin"] {
  const [first, ...others] = runs.map(({ config }) => config.data.origin);
  const text = JSON.stringify(first);
  return others.every((origin) => JSON.stringify(origin) === text) ? first : undefined;
}

/** Evidence: what the runs declare about their data. */
export function originEvidence(input: ChecklistInput): readonly Evidence[] {
  const { source, link, dataset } = declaredOrigin(input) ?? {};
  const detail = [source, link, dataset].filter((part) => part !== undefined).join(" ");
  return detail === "" ? [] : input.runs.map((run) => manifestKey(input, run, "config.data.origin", detail));
}

/** The evidence of all runs. Empty if one run has none: an item holds for all runs or for none. */
export function ofEach(
  runs: readonly RunFacts[],
  evidenceOf: (run: RunFacts) => readonly Evidence[],
): readonly Evidence[] {
  const found = runs.map(evidenceOf);
  return found.some((one) => one.length === 0) ? [] : found.flat();
}

/** The runs that trained a model. */
export const trainedRuns = ({ runs }: ChecklistInput): readonly RunFacts[] => runs.filter(trainedHere);

/** An item on training: not applicable if no run trained a model. */
export function aboutTraining(
  input: ChecklistInput,
  evidenceOf: (run: RunFacts) => readonly Evidence[],
  otherwise: Missing,
): Assessment {
  const runs = trainedRuns(input);
  if (runs.length === 0) return { answer: "not applicable", reason: noTrainingText(input.runs) };
  return yesIf(ofEach(runs, evidenceOf), otherwise);
}

/** An item that another execution of the study satisfies. */
export const runAgain = (reason: string): Missing => ({
  reason,
  responsible: "person who executes the study",
  action: "exp run, which builds missing steps",
});

/** An item that requires predictions generated by a model in the study. */
export const replayedOnly = (reason: string): Missing => ({
  reason: `The predictions were replayed: ${reason}`,
  responsible: "authors",
  action: "run an experiment with an engine that generates predictions",
});
