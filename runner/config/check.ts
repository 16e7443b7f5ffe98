import type { Experiment } from "../plugins/experiment.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { LastResult } from "../util/noted-reads.ts";
import { checkBaselines } from "./checks/baselines.ts";
import { checkCompare } from "./checks/compare.ts";
import type { CheckContext } from "./checks/context.ts";
import { checkData, checkOtherColumns } from "./checks/data.ts";
import { checkEvaluate } from "./checks/evaluate.ts";
import { checkGenerate } from "./checks/generate.ts";
import { checkModel, checkModelUse, checkUploadFormats } from "./checks/model.ts";
import { checkPrompt } from "./checks/prompt.ts";
import { checkReport } from "./checks/report.ts";
import { checkTask } from "./checks/task.ts";
import { checkTrain } from "./checks/train.ts";
import { type Entry, find, locate, type MapNode, type Node } from "./node.ts";

/** A check and the top-level sections that it reads. */
type Check = { readonly sections: readonly string[]; run(context: CheckContext): void };

const checks: readonly Check[] = [
  { sections: ["task", "data", "evaluate", "baselines", "prompt", "train", "generate"], run: checkTask },
  { sections: ["data", "task"], run: checkData },
  { sections: ["data", "evaluate", "train"], run: checkOtherColumns },
  { sections: ["model", "generate"], run: checkModel },
  { sections: ["model", "train", "generate"], run: checkModelUse },
  { sections: ["model", "upload", "data", "train", "generate"], run: checkUploadFormats },
  { sections: ["prompt", "generate", "train"], run: checkPrompt },
  { sections: ["train", "data", "resources"], run: checkTrain },
  { sections: ["generate", "prompt", "train", "resources"], run: checkGenerate },
  { sections: ["task", "evaluate", "data"], run: checkEvaluate },
  { sections: ["baselines", "evaluate", "data"], run: checkBaselines },
  { sections: ["report", "upload", "resources", "train", "generate", "data"], run: checkReport },
  { sections: ["name", "task", "data", "evaluate", "compare"], run: checkCompare },
];

type World = Omit<CheckContext, "experiment" | "wrote" | "error" | "warning" | "add">;

/**
 * Runs the cross-field checks. A check is skipped if the schema found an error in one of its sections. Points of a sweep
 * share most sections: a check that would read the same as of the last experiment has the same result.
 */
export function check(world: World) {
  const last = checks.map(() => new LastResult<Input, readonly Diagnostic[]>(3));
  return (experiment: Experiment, node: MapNode, broken: ReadonlySet<string>): readonly Diagnostic[] => {
    const input = { experiment, entries: Object.fromEntries(node.entries) };
    return checks.flatMap(({ sections, run }, at) => {
      if (sections.some((section) => broken.has(section))) return [];
      return (last[at] as (typeof last)[number]).call(input, (read) => found(run, world, read, node));
    });
  };
}

/** What checks read: the experiment, and where files set its top-level keys. */
type Input = { readonly experiment: Experiment; readonly entries: Readonly<Record<string, Entry>> };

/** What to write in place of a value that a shell would change; exp does not. */
function unsubstituted(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  if (value.includes("${")) return "write the value itself: exp does not substitute variables";
  return value.startsWith("~/") ? "write the whole path: exp does not replace ~ by the home folder" : undefined;
}

function found(run: Check["run"], world: World, { experiment, entries }: Input, node: MapNode): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const place = (path: string): readonly string[] => {
    const parts = path.split(".");
    // Notes that the result depends on this entry.
    void entries[parts[0] as string];
    return keysOf(node, parts);
  };
  const report =
    (severity: "error" | "warning") =>
    (path: string, code: string, message: string, help?: string): void => {
      const part = path.endsWith(":") ? "key" : "value";
      const keys = place(part === "key" ? path.slice(0, -1) : path);
      const span = locate(node, keys, part);
      const written = find(node, keys)?.node;
      const value = written?.kind === "scalar" ? written.value : undefined;
      const advice = unsubstituted(value) ?? help;
      diagnostics.push({ severity, code, message, span, ...(advice === undefined ? {} : { help: advice }) });
    };
  run({
    ...world,
    experiment,
    wrote: (path) => find(node, place(path)) !== undefined,
    error: report("error"),
    warning: report("warning"),
    add: (all) => diagnostics.push(...all),
  });
  return diagnostics;
}

/** The keys of a dotted path. A map may contain a key with dots (`optimizer.fused`), which comes first. */
function keysOf(node: Node | undefined, parts: readonly string[]): readonly string[] {
  const entries = node?.kind === "map" ? node.entries : undefined;
  for (let length = parts.length; length > 0; length--) {
    const key = parts.slice(0, length).join(".");
    const entry = entries?.get(key);
    if (entry !== undefined) return [key, ...keysOf(entry.node, parts.slice(length))];
  }
  return parts;
}
