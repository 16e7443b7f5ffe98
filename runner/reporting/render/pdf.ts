import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NodeCompiler } from "@myriaddreamin/typst-ts-node-compiler";
import { validJson } from "../../util/valid-text.ts";
import type { Report } from "../report/document.ts";
import type { RenderedFigure } from "./figures.ts";
import { keptBlock, keptSpan } from "./keep-together.ts";
import { readReferences } from "./references.ts";

/** A PDF, and warnings about characters without a font. */
export type Pdf = { readonly bytes: Uint8Array; readonly warnings: readonly string[] };

/**
 * Renders a report as PDF with the Typst template of the package. Typst reads the given data only. The same report and fonts give
 * the same bytes. Throws if Typst rejects the document, which is a bug in the template.
 */
export function renderPdf(report: Report, figures: Readonly<Record<string, RenderedFigure>>, templates: string): Pdf {
  const workspace = "/report";
  const compiler = NodeCompiler.create({ workspace });
  const put = (name: string, content: string | Uint8Array): void =>
    compiler.mapShadow(join(workspace, name), Buffer.from(content as string));
  put("main.typ", readFileSync(join(templates, "report.typ")));
  put("references.bib", readReferences(templates));
  put(
    "report.json",
    validJson({
      ...report,
      abstract: report.abstract.map((paragraph) => paragraph.map(keptSpan)),
      blocks: report.blocks.map(keptBlock),
      figures: undefined,
      fonts: fallbackFonts,
      sizes: Object.fromEntries(Object.entries(figures).map(([id, { width, height }]) => [id, [width, height]])),
    }),
  );
  for (const [id, { svg }] of Object.entries(figures)) put(`figure-${id}.svg`, svg);
  const compiled = compiler.compile({ mainFilePath: join(workspace, "main.typ") });
  const document = compiled.result;
  if (document === null || compiled.hasError()) {
    const messages = compiled.takeDiagnostics()?.shortDiagnostics ?? [];
    const reason = messages.map(({ message }: { message: string }) => message).join("; ") || "no document";
    throw new Error(`Cannot render the PDF: ${reason}`);
  }
  return { bytes: compiler.pdf(document, { creationTimestamp: 0 }), warnings: fontWarnings(report) };
}

/** Used if installed: Typst includes no fonts for Chinese, Japanese and Korean. */
const fallbackFonts = ["Noto Serif CJK SC", "Noto Sans CJK SC", "Noto Serif CJK JP", "Noto Sans CJK KR", "DejaVu Sans"];

function fontWarnings(report: Report): readonly string[] {
  const cjk = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u;
  return cjk.test(JSON.stringify([report.title, report.blocks]))
    ? [
        "The report contains Chinese, Japanese or Korean characters, which may render as boxes. Install a Noto CJK font.",
      ]
    : [];
}
