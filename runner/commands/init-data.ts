import { basename, relative, resolve, sep } from "node:path";
import type { RecordFormat } from "../data/columns.ts";
import type { Cell, DataTable } from "../data/data-table.ts";
import { formatDiagnostic } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import { readRegularFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";

/** Files of a study for one data file: path in the study -> text. */
export type DataStudy = { readonly files: Readonly<Record<string, string>>; readonly summary: string };

/** Looks at a data file and writes an experiment, a prompt and the task for it. Throws UserError. */
export async function studyFor(
  file: string,
  { folder, schema }: { readonly folder: string; readonly schema: string },
  context: Context,
): Promise<DataStudy> {
  const path = resolve(context.cwd, file);
  const { readTable } = await import("../data/table.ts");
  const table = await readTable({ path: file, bytes: bytesOf(path, file) });
  if (!table.ok) {
    throw new UserError("data", table.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
      status: "invalid",
      diagnostics: table.diagnostics,
    });
  }
  const { format, columns, targets } = rolesOf(table.value, file);
  const labels = new Set(targets);
  const isList = targets.some((cell) => cell.includes("\0"));
  const isSmall = labels.size <= Math.max(2, Math.min(50, targets.length / 4));
  const isShort = targets.every((cell) => cell.length <= 60 && cell.trim() !== "");
  const task = isList ? "label_set" : isSmall && isShort ? "single_label" : "text";
  const shown = relative(resolve(folder, "experiments"), path).replaceAll(sep, "/");
  const baselines = task === "text" ? "nearest" : "most_frequent, nearest";
  const yaml = [
    `# yaml-language-server: $schema=${schema}`,
    `# Written from ${basename(file)}: check the task, the columns and the prompt. Without \`train:\` the model is not tuned.`,
    "name: first",
    `task: ${task}`,
    "data:",
    ...(format === "table" ? [] : [`  format: ${format}`]),
    `  train: {file: ${JSON.stringify(shown)}}`,
    "  test: {fraction: 0.2}",
    ...(Object.keys(columns).length === 0 ? [] : [`  columns: ${JSON.stringify(columns)}`]),
    "model: {base: smollm2-135m}",
    "prompt: {template: prompts/task.hbs}",
    `baselines: [${baselines}]`,
    "",
  ].join("\n");
  const asks =
    task === "text"
      ? ""
      : task === "single_label"
        ? "Answer with one label and nothing else."
        : "Answer with the labels only.";
  const prompt = `${asks === "" ? "" : `{{#system}}${asks}{{/system}}\n`}{{#user}}{{input}}{{/user}}\n`;
  const what = task === "text" ? "free texts" : `${labels.size} distinct targets`;
  return {
    files: { "experiments/first.yaml": yaml, "prompts/task.hbs": prompt },
    summary: `${file}: ${targets.length} rows with ${what}, task ${task}`,
  };
}

function bytesOf(path: string, file: string): Buffer {
  try {
    return readRegularFile(path, "data file");
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError("missing-file", `there is no readable file ${file}`, { status: "invalid" });
  }
}

type Roles = {
  readonly format: RecordFormat;
  readonly columns: Readonly<Record<string, string>>;
  /** The items of a list have NUL between them. */
  readonly targets: readonly string[];
};

const targetNames =
  /^(?:label|labels|target|targets|output|answer|answers|class|category|diagnosis|topic|sentiment|summary|response|completion|intent)$/i;
const inputNames = /^(?:text|input|sentence|content|body|question|prompt|document|report|message|note|review)$/i;

/** The format of a file and the roles of its columns, by their names, and else by their texts. Throws UserError. */
function rolesOf({ columns, rows }: DataTable, file: string): Roles {
  const cellsAt = (name: string): readonly Cell[] => rows.map((row) => row[columns.indexOf(name)] ?? "");
  const textsAt = (name: string): readonly string[] => cellsAt(name).map((cell) => [cell].flat().join("\0"));
  const chat = ["messages", "conversations"].find((name) => columns.includes(name));
  if (chat !== undefined) return { format: "chat", columns: {}, targets: textsAt(chat) };
  if (columns.includes("instruction") && columns.includes("output"))
    return { format: "alpaca", columns: {}, targets: textsAt("output") };
  const named = columns.filter((name) => name !== "");
  const length = (name: string): number => textsAt(name).reduce((sum, text) => sum + text.length, 0);
  const id = named.find((name) => /^(?:id|.*_id|uid|uuid)$/i.test(name) && new Set(textsAt(name)).size === rows.length);
  const others = named.filter((name) => name !== id);
  const byLength = [...others].sort((a, b) => length(b) - length(a));
  const target = others.find((name) => targetNames.test(name)) ?? (others.length > 1 ? byLength.at(-1) : undefined);
  const input =
    others.find((name) => name !== target && inputNames.test(name)) ?? byLength.find((name) => name !== target);
  if (target === undefined || input === undefined) {
    throw new UserError("missing-column", `${file} has no two columns for an input and a target`, {
      help: `its columns: ${named.join(", ")}; add a column with the right answers`,
      status: "invalid",
    });
  }
  return { format: "table", columns: { ...(id === undefined ? {} : { id }), input, target }, targets: textsAt(target) };
}
