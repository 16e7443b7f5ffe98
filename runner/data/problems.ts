import type { Diagnostic, Result, SourceText, Span } from "../util/diagnostic.ts";

/** More errors than this are counted and not listed. */
const listed = 20;

/** The errors and warnings of a data file. */
export class Problems {
  private readonly source: SourceText;
  private readonly errors: Diagnostic[] = [];
  readonly warnings: Diagnostic[] = [];
  private count = 0;

  constructor(source: SourceText) {
    this.source = source;
  }

  get any(): boolean {
    return this.count > 0;
  }

  add(start: number, end: number, code: string, message: string, help?: string): void {
    if (++this.count <= listed) this.errors.push(this.diagnostic("error", start, end, code, message, help));
  }

  warn(code: string, message: string, help: string): void {
    this.warnings.push(this.diagnostic("warning", 0, 0, code, message, help));
  }

  result(): Result<never> {
    const more = this.count - listed;
    const end = this.source.text.length;
    const rest =
      more > 0
        ? [this.diagnostic("error", end, end, "more-errors", `${more} more errors in this file`, undefined)]
        : [];
    return { ok: false, diagnostics: [...this.errors, ...rest, ...this.warnings] };
  }

  private diagnostic(
    severity: "error" | "warning",
    start: number,
    end: number,
    code: string,
    message: string,
    help: string | undefined,
  ): Diagnostic {
    const span = { source: this.source, start, end };
    return { severity, code, message, span, ...(help === undefined ? {} : { help }) };
  }
}

/**
 * The names of the columns from the cells of the header. A name that occurs twice is an error at the header. `sheetRow`
 * is the number of the header's row in a sheet.
 */
export function columnsOf(
  head: readonly string[],
  header: () => Span,
  problems: Problems,
  sheetRow?: number,
): string[] {
  const columns = head.map((name) => name.trim());
  const seen = new Set<string>();
  const twice = columns.find((name) => name !== "" && seen.size === seen.add(name).size);
  if (twice !== undefined) {
    const { start, end } = header();
    const where = sheetRow === undefined ? "" : ` in row ${sheetRow}`;
    const help =
      sheetRow === undefined
        ? "rename one"
        : `rename one, or name the row that has the column names, such as header_row: ${sheetRow + 1}`;
    problems.add(start, end, "duplicate-column", `two columns are called "${twice}"${where}`, help);
  }
  return columns;
}
