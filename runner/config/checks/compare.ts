import { basename } from "node:path";
import { datasetOf } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { CheckContext } from "./context.ts";

/** Compared experiments exist, are valid, and are scored on the same cases in the same way. */
export function checkCompare(context: CheckContext): void {
  const { experiment, compared } = context;
  if (compared === undefined) return;
  const names = new Set([experiment.name]);
  const refusal = (path: string): Refusal | undefined => {
    const file = basename(path);
    if (context.files.kind(path) === undefined || context.files.kind(path) === "folder") {
      const help = "write the name of a YAML file in the same folder";
      return { code: "missing-file", message: `the folder of this experiment has no file ${file}`, help };
    }
    if (path === context.file) return { message: "an experiment cannot be compared with itself", help: "remove it" };
    const other = compared(path);
    context.add(other.ok ? other.warnings : other.diagnostics);
    if (!other.ok) return undefined;
    const { name, points, sweep } = other.value;
    if (sweep !== undefined) {
      const help = "compare with a single run, such as the winner of the sweep in a separate file";
      return { message: `${file} is a sweep of ${points.length} runs`, help };
    }
    if (names.has(name)) {
      const message = `${file} has the same name "${name}", so the arms would have equal names`;
      return { message, help: "give each experiment a unique name" };
    }
    names.add(name);
    const differing = differences(experiment, (points[0] as (typeof points)[0]).experiment);
    if (differing.length === 0) return undefined;
    const message = `the runs are not comparable: ${file} differs in ${differing.join(", ")}`;
    return { message, help: "use the same test rows and the same settings for parsing answers, or remove it" };
  };
  for (const [index, path] of experiment.compare.entries()) {
    const found = refusal(path);
    if (found) context.error(`compare.${index}`, found.code ?? "not-comparable", found.message, found.help);
  }
}

type Refusal = { readonly code?: string; readonly message: string; readonly help: string };

/** Keys that two experiments must share for a comparison case by case, and that differ. */
function differences(own: Experiment, other: Experiment): readonly string[] {
  const scored = ({ task, data, evaluate }: Experiment): Readonly<Record<string, unknown>> => ({
    task,
    "evaluate.split": evaluate.split,
    ...(evaluate.split === "test"
      ? {
          "data.test": data.test,
          ...(data.test?.fraction === undefined ? {} : { "data.train.file": [data.train.file, datasetOf(data.train)] }),
        }
      : { "data.train": data.train, "data.validation": data.validation }),
    "data.columns.id": data.columns.id,
    "data.columns.target": data.columns.target,
    "data.columns.targets": data.columns.targets,
    "data.columns.group": data.columns.group,
    "data.labels.separator": data.labels?.separator,
    "data.labels.synonyms": data.labels?.synonyms,
  });
  const theirs = scored(other);
  return Object.entries(scored(own))
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(theirs[key]))
    .map(([key]) => key);
}
