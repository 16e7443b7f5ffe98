import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { finishedStudy, pageOf, pdfOf } from "../reporting/export/finished-study.ts";
import { FactsMissing } from "../reporting/facts/run-facts.ts";
import { openSlots } from "../reporting/report/author-notes.ts";
import type { Json } from "../util/canonical.ts";
import { canonicalJson, sha256 } from "../util/canonical.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp report RUN…`: a PDF over one or more finished runs, and with --html a page beside it. Every number is one of their manifests'. */
export const command: Act = async ([names], options, context) => {
  const study = await finishedStudy("report", names as string[], context);
  if (study === undefined) return exit.invalid;
  const { runs, notes, artifacts } = study;
  let page: string | undefined;
  try {
    page = options.html === true ? await pageOf(study, context) : undefined;
  } catch (error) {
    if (!(error instanceof FactsMissing)) throw error;
    context.err(`exp report: ${error.message}\n`);
    return exit.invalid;
  }
  const { bytes, warnings } = await pdfOf(study, context);
  const digits = sha256(canonicalJson(runs.map(({ experiment, run }) => [experiment, run]) as Json)).slice(0, 8);
  const name = runs.length === 1 ? `${runs[0]?.experiment}-${runs[0]?.run}` : `${runs.length}-runs-${digits}`;
  const out = resolve(context.cwd, (options.out as string | undefined) ?? join(artifacts, "reports", name));
  const pdf = out.endsWith(".pdf") ? out : join(out, "report.pdf");
  await mkdir(dirname(pdf), { recursive: true });
  await writeFile(pdf, bytes);
  const html = pdf.replace(/\.pdf$/, ".html");
  if (page !== undefined) await writeFile(html, page);
  for (const warning of warnings) context.err(`exp report: warning: ${warning}\n`);
  const open = openSlots(notes);
  if (open.length > 0)
    context.err(
      `exp report: left for the authors: ${open.join(", ")} (report.notes: a Markdown file with these headings)\n`,
    );
  context.out(`${relative(context.cwd, pdf)}\n`);
  if (page !== undefined) context.out(`${relative(context.cwd, html)}\n`);
  return exit.done;
};
