import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { canonicalJson, sha256 } from "../plan/canonical.ts";
import type { Json } from "../plan/step.ts";
import { openProject } from "../project.ts";
import { drawAll } from "../render/figures.ts";
import { setPdf } from "../render/pdf.ts";
import { openSlots, parseNotes } from "../report/notes.ts";
import { reportOf } from "../report/report.ts";
import { FactsMissing, factsOf } from "../study/facts.ts";
import { looksOf } from "../study/ledger.ts";
import { findRun, RunNotFound } from "../study/runs.ts";
import { type Act, type Context, exit } from "./context.ts";

/** `exp report RUN…`: a PDF over one or more finished runs. Every number is one of their manifests'. */
export const command: Act = async ([names], options, context) => {
  const { root, artifacts } = await openProject(context.cwd, context, "read");
  try {
    const runs = (names as string[]).map((name) => findRun(name, artifacts, context.cwd));
    const facts = runs
      .map((run) => factsOf(run, looksOf(run, artifacts)))
      .sort((a, b) => (a.created < b.created ? -1 : 1));
    const notes = notesOf(
      facts.flatMap(({ config }) => config.report.notes ?? []),
      root,
      context,
    );
    const report = reportOf({ runs: facts, notes });
    const drawn = await drawAll(report.figures);
    const { bytes, warnings } = setPdf(report, drawn, join(context.packageRoot, "runner/templates"));
    const digits = sha256(canonicalJson(facts.map(({ experiment, run }) => [experiment, run]) as Json)).slice(0, 8);
    const name = facts.length === 1 ? `${facts[0]?.experiment}-${facts[0]?.run}` : `${facts.length}-runs-${digits}`;
    const out = resolve(context.cwd, (options.out as string | undefined) ?? join(artifacts, "reports", name));
    const pdf = out.endsWith(".pdf") ? out : join(out, "report.pdf");
    await mkdir(dirname(pdf), { recursive: true });
    await writeFile(pdf, bytes);
    for (const warning of warnings) context.err(`exp report: warning: ${warning}\n`);
    const open = openSlots(notes);
    if (open.length > 0)
      context.err(
        `exp report: left for the authors: ${open.join(", ")} (report.notes: a Markdown file with these headings)\n`,
      );
    context.out(`${relative(context.cwd, pdf)}\n`);
    return exit.done;
  } catch (error) {
    if (!(error instanceof RunNotFound || error instanceof FactsMissing)) throw error;
    context.err(`exp report: ${error.message}\n`);
    return exit.invalid;
  }
};

function notesOf(files: readonly string[], root: string, context: Context): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  for (const file of new Set(files)) {
    const path = resolve(root, file);
    if (existsSync(path)) Object.assign(notes, parseNotes(readFileSync(path, "utf8")));
    else context.err(`exp report: warning: the notes ${file} are gone\n`);
  }
  return notes;
}
