import { readFileSync } from "node:fs";
import { UserError } from "../../util/user-error.ts";

/** An answer that another program gave: its text, or its labels. */
export type Replayed = { readonly text: string } | { readonly labels: readonly string[] };

/** Reads a file of `{"id", "text"}` or `{"id", "labels"}` lines; other keys are left alone. Throws UserError naming the line. */
export function readReplay(path: string): ReadonlyMap<string, Replayed> {
  const answers = new Map<string, Replayed>();
  const lines = readFileSync(path, "utf8")
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/);
  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    const wrong = (what: string): UserError =>
      new UserError("replay-line", `${path}:${index + 1}: ${what}`, {
        help: 'each line is {"id": "...", "text": "..."} or {"id": "...", "labels": ["..."]}',
      });
    let row: { id?: unknown; text?: unknown; labels?: unknown } | null;
    try {
      row = JSON.parse(line);
    } catch {
      throw wrong("not JSON");
    }
    if (typeof row !== "object" || row === null) throw wrong("not an object");
    const { id, text, labels } = row;
    if (typeof id !== "string" && typeof id !== "number") throw wrong("no id");
    if (answers.has(String(id))) throw wrong(`id ${id} stands twice`);
    if (typeof text === "string") answers.set(String(id), { text });
    else if (Array.isArray(labels) && labels.every((label) => typeof label === "string"))
      answers.set(String(id), { labels });
    else throw wrong("neither a text nor a list of labels");
  });
  return answers;
}
