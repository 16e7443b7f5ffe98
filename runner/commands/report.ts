import { dirname, join, relative, resolve } from "node:path";
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
  run: ({ runs, html, out }, context) => writeReport(runs, { pdf: true, html, out }, context),
});

/** Writes the report of finished runs and prints the paths. Every number in it is from their manifests. */
export async function writeReport(
  names: readonly string[],
  { pdf, html, out }: { readonly pdf: boolean; readonly html: boolean; readonly out?: string | undefined },
  context: Context,
): Promise<number> {
  const study = await finishedStudy("report", names, context);
  const { runs, artifacts } = study;
  const target = out === undefined ? reportOf(artifacts, runs) : resolve(context.cwd, out);
  const path = target.endsWith(".pdf") ? target : join(target, "report.pdf");
  const page = html ? await pageOf(study, context) : undefined;
  const printed = pdf ? await pdfOf(study, context) : undefined;
  const files: readonly (readonly [path: string, content: string | Uint8Array | undefined])[] = [
    [path, printed?.bytes],
    [path.replace(/\.pdf$/, ".html"), page],
  ];
  const written = files.flatMap(([file, content]) => {
    if (content === undefined) return [];
    // The folder that the user names may be a link, and one below artifacts/ may not leave it.
    const folder = out === undefined ? artifacts : dirname(file);
    writeFileInside(folder, relative(folder, file), content);
    return [file];
  });
  for (const warning of [...(printed?.warnings ?? []), ...missingNotes(study)])
    context.err(`exp report: warning: ${warning}\n`);
  for (const file of written) context.out(`${relative(context.cwd, file)}\n`);
  return exit.done;
}
