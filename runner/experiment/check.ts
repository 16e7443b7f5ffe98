import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { checkData } from "./checks/data.ts";
import { checkEvaluate } from "./checks/evaluate.ts";
import { checkGenerate } from "./checks/generate.ts";
import { checkModel } from "./checks/model.ts";
import { checkPrompt } from "./checks/prompt.ts";
import { checkReport } from "./checks/report.ts";
import { checkTrain } from "./checks/train.ts";
import type { Files } from "./files.ts";
import { locate, type Node } from "./node.ts";
import type { Experiment } from "./schema.ts";

/** Keys of a backend's locked trainer, dotted; undefined where the list is not known. */
export type TrainerKeys = (backend: string) => readonly string[] | undefined;

/** Models that come with `exp setup`, by name. */
export type BundledModels = Readonly<Record<string, { readonly parameters: number }>>;

/** What a check is given: an experiment whose sections are valid, and a way to say what is wrong with it. */
export type CheckContext = {
  readonly experiment: Experiment;
  readonly files: Files;
  readonly trainerKeys: TrainerKeys | undefined;
  readonly bundledModels: BundledModels;
  readonly isSweep: boolean;
  /** Whether somebody wrote a path. */
  wrote(path: string): boolean;
  error(path: string, code: string, message: string, help?: string): void;
  warning(path: string, code: string, message: string, help?: string): void;
};

/** A check and the top-level sections that it reads. */
type Check = { readonly sections: readonly string[]; run(context: CheckContext): void };

const checks: readonly Check[] = [
  { sections: ["data", "task"], run: checkData },
  { sections: ["model"], run: checkModel },
  { sections: ["prompt", "generate"], run: checkPrompt },
  { sections: ["train", "data"], run: checkTrain },
  { sections: ["generate"], run: checkGenerate },
  { sections: ["evaluate", "data"], run: checkEvaluate },
  { sections: ["report", "compare", "baselines", "upload", "resources"], run: checkReport },
];

/** Finds what the schema cannot say. A check is left out where the schema found a section that it reads broken. */
export function check(world: Pick<CheckContext, "files" | "trainerKeys" | "bundledModels" | "isSweep">) {
  return (experiment: Experiment, node: Node, broken: ReadonlySet<string>): readonly Diagnostic[] => {
    const found: Diagnostic[] = [];
    const add =
      (severity: "error" | "warning") =>
      (path: string, code: string, message: string, help?: string): void => {
        const { keys, part } = parse(path);
        const span = locate(node, keys, part);
        found.push({ severity, code, message, span, ...(help === undefined ? {} : { help }) });
      };
    const context: CheckContext = {
      ...world,
      experiment,
      wrote: (path) => isWritten(node, path.split(".")),
      error: add("error"),
      warning: add("warning"),
    };
    for (const { sections, run } of checks) if (!sections.some((section) => broken.has(section))) run(context);
    return found;
  };
}

/** "train.rank" is the value, "train.rank:" the key. */
function parse(path: string): { keys: readonly string[]; part: "key" | "value" } {
  const isKey = path.endsWith(":");
  return { keys: (isKey ? path.slice(0, -1) : path).split("."), part: isKey ? "key" : "value" };
}

function isWritten(node: Node, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const entry = node.kind === "map" ? node.entries.get(first) : undefined;
  return entry !== undefined && isWritten(entry.node, rest);
}
