import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isScalar, parseJson } from "../../../data/json-value.ts";
import type { DataRow } from "../../../pipeline/steps/data.ts";
import { jsonLines, readJsonLines } from "../../../pipeline/steps/jsonl.ts";
import { UserError } from "../../../util/user-error.ts";
import type { StepContext } from "../../step.ts";

/** An answer from another program: its text, or its labels. */
type RecordedAnswer = { readonly text: string } | { readonly labels: readonly string[] };

/** Writes the recorded answers of the scored rows. Throws UserError if a row has none, or its id is ambiguous. */
export function replayAnswers(context: StepContext): void {
  const path = context.source("generate.file");
  const answers = readAnswers(path);
  const rows = readJsonLines<DataRow>(context.input("rows"));
  const missing = rows.filter(({ id }) => !answers.has(id));
  if (missing.length > 0) {
    throw new UserError(
      "replay-incomplete",
      `${path} has no answer for ${missing.length} of ${rows.length} cases, the first being ${missing[0]?.id}`,
      { help: "add a line for each case; an empty text is a valid answer" },
    );
  }
  const others = new Set(
    context.hasInput("others") ? readJsonLines<DataRow>(context.input("others")).map(({ id }) => id) : [],
  );
  const both = rows.find(({ id }) => others.has(id));
  if (both !== undefined) {
    throw new UserError("replay-ambiguous", `${path}: a test row and a validation row both have the id ${both.id}`, {
      help: "give the rows unique ids with data.columns.id",
    });
  }
  const responses = rows.map(({ id }) => ({ id, ...answers.get(id) }));
  writeFileSync(join(context.output, "responses.jsonl"), jsonLines(responses));
}

/** Reads lines of `{"id", "text"}` or `{"id", "labels"}`; other keys are ignored. Throws UserError with the line number. */
function readAnswers(path: string): ReadonlyMap<string, RecordedAnswer> {
  const answers = new Map<string, RecordedAnswer>();
  const lines = readFileSync(path, "utf8")
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/);
  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    const invalid = (reason: string): UserError =>
      new UserError("replay-line", `${path}:${index + 1}: ${reason}`, {
        help: 'write each line as {"id": "...", "text": "..."} or {"id": "...", "labels": ["..."]}',
      });
    let row: { id?: unknown; text?: unknown; labels?: unknown } | null;
    try {
      row = parseJson(line) as typeof row;
    } catch {
      throw invalid("not JSON");
    }
    if (typeof row !== "object" || row === null) throw invalid("not an object");
    const { id, text, labels } = row;
    if (!isScalar(id) || typeof id === "boolean") throw invalid("no id");
    if (answers.has(String(id))) throw invalid(`id ${id} occurs twice`);
    if (typeof text === "string") answers.set(String(id), { text });
    else if (Array.isArray(labels) && labels.every(isScalar)) answers.set(String(id), { labels: labels.map(String) });
    else throw invalid("neither a text nor a list of labels");
  });
  return answers;
}
