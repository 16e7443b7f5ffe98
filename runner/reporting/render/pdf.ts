import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NodeCompiler } from "@myriaddreamin/typst-ts-node-compiler";
import type { Report } from "../report/document.ts";
import type { Drawn } from "./figures.ts";

/** A PDF, and what a reader should know about it: letters that no font at hand can show. */
export type Pdf = { readonly bytes: Uint8Array; readonly warnings: readonly string[] };

/**
 * Sets a report as PDF with the template of this package. Only what is handed over is read; the same report gives the same
 * bytes, whatever the day and the machine, as long as the same fonts are there.
 */
export function setPdf(report: Report, figures: Readonly<Record<string, Drawn>>, templates: string): Pdf {
  const workspace = "/report";
  const compiler = NodeCompiler.create({ workspace });
  const put = (name: string, content: string | Uint8Array): void =>
    compiler.mapShadow(join(workspace, name), Buffer.from(content as string));
  put("main.typ", readFileSync(join(templates, "report.typ")));
  put("references.bib", readFileSync(join(templates, "references.bib")));
  put(
    "report.json",
    JSON.stringify({
      ...report,
      figures: undefined,
      fonts: fallbackFonts,
      sizes: Object.fromEntries(Object.entries(figures).map(([id, { width, height }]) => [id, [width, height]])),
    }),
  );
  for (const [id, { svg }] of Object.entries(figures)) put(`figure-${id}.svg`, svg);
  const compiled = compiler.compile({ mainFilePath: join(workspace, "main.typ") });
  const document = compiled.result;
  if (document === null || compiled.hasError()) {
    const said = compiled.takeDiagnostics()?.shortDiagnostics ?? [];
    throw new Error(
      `Typst: ${said.map(({ message }: { message: string }) => message).join("; ") || "it gave no document"}`,
    );
  }
  return { bytes: compiler.pdf(document, { creationTimestamp: 0 }), warnings: unshown(report) };
}

/** Taken where they are installed; Typst brings none for Chinese, Japanese and Korean. */
const fallbackFonts = ["Noto Serif CJK SC", "Noto Sans CJK SC", "Noto Serif CJK JP", "Noto Sans CJK KR", "DejaVu Sans"];

function unshown(report: Report): readonly string[] {
  const cjk = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u;
  return cjk.test(JSON.stringify([report.title, report.blocks]))
    ? ["the report has Chinese, Japanese or Korean letters: install a Noto CJK font, or they may show as boxes"]
    : [];
}
