import { basename, dirname, join, relative, resolve } from "node:path";
import { finishedStudy, pageOf, pdfOf } from "../reporting/export/finished-study.ts";
import { missingNotes } from "../reporting/report/author-notes.ts";
import { reportOf } from "../runs/report-path.ts";
import { type Context, exit } from "../util/context.ts";
import { writeFileInside } from "../util/write-file.ts";
import { defineCommand, flag, oneOrMore, value } from "./command.ts";

export const command = defineCommand({
  arguments: { runs: oneOrMore("run", "A finished run.") },
  options: {
    html: flag("Also write one HTML file that needs no server: the report, the runs and every case."),
    out: value("path", "Write into this folder, or to this file if it ends in .pdf.", {
      default: "artifacts/reports/",
    }),
  },
  run: ({ runs, html, out }, context) => writeReport(runs, { html, out }, context),
});

/** Writes the report of finished runs and prints the paths. Every number in it is from their manifests. */
export async function writeReport(
  names: readonly string[],
  { html, out }: { readonly html: boolean; readonly out?: string | undefined },
  context: Context,
): Promise<number> {
  const study = await finishedStudy("report", names, context);
  const { runs, notes, artifacts } = study;
  const page = html ? await pageOf(study, context) : undefined;
  const { bytes, warnings } = await pdfOf(study, context);
  const target = out === undefined ? reportOf(artifacts, runs) : resolve(context.cwd, out);
  const pdf = target.endsWith(".pdf") ? target : join(target, "report.pdf");
  writeFileInside(dirname(pdf), basename(pdf), bytes);
  const pagePath = pdf.replace(/\.pdf$/, ".html");
  if (page !== undefined) writeFileInside(dirname(pdf), basename(pagePath), page);
  for (const warning of [...warnings, ...missingNotes(notes)])
    context.err(`exp report: warning: ${warning}
`);
  context.out(`${relative(context.cwd, pdf)}\n`);
  if (page !== undefined) context.out(`${relative(context.cwd, pagePath)}\n`);
  return exit.done;
}
