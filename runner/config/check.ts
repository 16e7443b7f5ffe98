import type { Experiment } from "../plugins/experiment.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { checkBaselines } from "./checks/baselines.ts";
import { checkCompare } from "./checks/compare.ts";
import type { CheckContext } from "./checks/context.ts";
import { checkData, checkOtherColumns } from "./checks/data.ts";
import { checkEvaluate } from "./checks/evaluate.ts";
import { checkGenerate } from "./checks/generate.ts";
import { checkModel, checkModelUse } from "./checks/model.ts";
import { checkPrompt } from "./checks/prompt.ts";
import { checkReport } from "./checks/report.ts";
import { checkTask } from "./checks/task.ts";
import { checkTrain } from "./checks/train.ts";
import { find, locate, type Node } from "./node.ts";

/** A check and the top-level sections that it reads. */
type Check = { readonly sections: readonly string[]; run(context: CheckContext): void };

const checks: readonly Check[] = [
  { sections: ["task", "data", "evaluate", "baselines", "prompt", "train", "generate"], run: checkTask },
  { sections: ["data", "task"], run: checkData },
  { sections: ["data", "evaluate"], run: checkOtherColumns },
  { sections: ["model", "generate"], run: checkModel },
  { sections: ["model", "train", "generate"], run: checkModelUse },
  { sections: ["prompt", "generate"], run: checkPrompt },
  { sections: ["train", "data", "resources"], run: checkTrain },
  { sections: ["generate", "prompt", "train", "resources"], run: checkGenerate },
  { sections: ["evaluate", "data"], run: checkEvaluate },
  { sections: ["baselines", "evaluate", "data"], run: checkBaselines },
  { sections: ["report", "upload", "resources", "train", "generate", "data"], run: checkReport },
  { sections: ["name", "task", "data", "evaluate", "compare"], run: checkCompare },
];

/** Runs the cross-field checks. A check is skipped if the schema found an error in one of its sections. */
export function check(world: Omit<CheckContext, "experiment" | "wrote" | "error" | "warning" | "add">) {
  return (experiment: Experiment, node: Node, broken: ReadonlySet<string>): readonly Diagnostic[] => {
    const found: Diagnostic[] = [];
    const report =
      (severity: "error" | "warning") =>
      (path: string, code: string, message: string, help?: string): void => {
        const part = path.endsWith(":") ? "key" : "value";
        const parts = (part === "key" ? path.slice(0, -1) : path).split(".");
        const span = locate(node, keysOf(node, parts), part);
        const written = find(node, keysOf(node, parts))?.node;
        const value = written?.kind === "scalar" ? written.value : undefined;
        const hasVariable = typeof value === "string" && value.includes("${");
        const advice = hasVariable ? "write the value itself: exp does not substitute variables" : help;
        found.push({ severity, code, message, span, ...(advice === undefined ? {} : { help: advice }) });
      };
    const context: CheckContext = {
      ...world,
      experiment,
      wrote: (path) => find(node, keysOf(node, path.split("."))) !== undefined,
      error: report("error"),
      warning: report("warning"),
      add: (diagnostics) => found.push(...diagnostics),
    };
    for (const { sections, run } of checks) if (!sections.some((section) => broken.has(section))) run(context);
    return found;
  };
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
