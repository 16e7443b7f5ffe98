/** The files of `exp score`: cases with targets and predictions, and label files. */
import { isFile, joinAnswers, readAnswers } from "../evaluation/labels/answers.ts";
import type { FileCase, Names } from "../evaluation/labels/predictions.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import { formatDiagnostic } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Result, SourceText } from "../util/diagnostic.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { readGivenFile } from "./given-file.ts";

/** Where the columns of a case are. */
export type ColumnOptions = Readonly<
  Record<"id" | "gold" | "goldColumn" | "goldId" | "pred" | "separator" | "group", string | undefined>
>;

/** Reads cases. Gold may come from a file of its own. Throws UserError `invalid-predictions`. */
export async function readCases(
  path: string,
  { gold, ...options }: ColumnOptions,
  task: Task | undefined,
  context: Context,
): Promise<readonly FileCase[]> {
  const file = gold !== undefined && isFile(gold) ? gold : undefined;
  const isOne = task !== undefined && task.labels?.isSingle !== false;
  // The keys by which runs write predictions.
  const keysOfRuns = [...new Set([...(task === undefined ? tasks : [task])].map((one) => one.predictionKey))];
  const names = {
    id: options.id ?? "id",
    gold: file === undefined ? (gold ?? "gold") : (options.goldColumn ?? "gold"),
    pred: options.pred ?? "pred",
    otherPred: options.pred === undefined ? keysOfRuns.filter((key) => key !== gold) : [],
    separator: options.separator ?? (isOne ? "" : undefined),
  };
  const read = async (name: string, sides: Names["sides"], id = names.id): Promise<readonly FileCase[]> => {
    const bytes = contentOf(readGivenFile(name, "data file", context), context);
    const group = sides.includes("gold") ? options.group : undefined;
    const cases = contentOf(await readAnswers(name, bytes, { ...names, id, sides, group }), context);
    if (isOne) expectOne(cases, sides, name, task);
    return cases;
  };
  if (file === undefined) return read(path, ["gold", "pred"]);
  const joined = joinAnswers(
    { path: file, cases: await read(file, ["gold"], options.goldId) },
    { path, cases: await read(path, ["pred"]) },
  );
  return contentOf(joined, context);
}

/** Throws UserError if a case has several targets, or in a task of texts several predictions. */
function expectOne(cases: readonly FileCase[], sides: Names["sides"], path: string, { name, labels }: Task): void {
  const isWrong = {
    gold: (values: readonly string[]) => (labels === undefined ? values.length > 1 : values.length !== 1),
    pred: (values: readonly string[]) => labels === undefined && values.length > 1,
  };
  for (const side of sides) {
    const wrong = cases.find((one) => isWrong[side](one[side]));
    if (wrong === undefined) continue;
    const found = `case ${JSON.stringify(wrong.id)} has ${plural(wrong[side].length, side === "gold" ? "target" : "prediction")}`;
    throw new UserError("invalid-predictions", `${path}: ${found}, and task ${name} has one for each case`, {
      help: "name another --task, or correct the file",
      status: "invalid",
    });
  }
}

/** The text of a file of labels or of a schema. Throws UserError `invalid-predictions`. */
export function readLabelText(path: string, context: Context): string {
  return contentOf(readGivenFile(path, "label file", context), context).toString("utf8");
}

/** Reads a synonym or groups file. Throws UserError `invalid-predictions`. */
export function readLabelFile<T>(path: string, parse: (source: SourceText) => Result<T>, context: Context): T {
  return contentOf(parse({ path, text: readLabelText(path, context) }), context);
}

/** Prints warnings. Throws UserError for input that cannot be scored. */
function contentOf<T>(result: Result<T>, context: Context): T {
  if (!result.ok) {
    const message = result.diagnostics.map((one) => one.message).join("; ");
    throw new UserError("invalid-predictions", message, { status: "invalid", diagnostics: result.diagnostics });
  }
  for (const warning of result.warnings) context.err(`${formatDiagnostic(warning, { color: context.color })}\n`);
  return result.value;
}
