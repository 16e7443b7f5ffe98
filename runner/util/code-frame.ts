import type { Diagnostic, SourceText, Span } from "./diagnostic.ts";

/** Line and column, both from 1. The column counts characters. */
export type Position = { readonly line: number; readonly column: number };

/** A diagnostic as `--json` prints it. */
export type DiagnosticJson = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly help: string | null;
};

const tab = 4;
const widest = 110;
/** Characters of a line before, in and after a span that a frame is made from. */
const most = 2_000;
const lineBreak = /\r\n|\r|\n/g;

/** The position of the start of a span. */
export function positionOf(span: Span): Position {
  const { line, text, start } = lineAt(span);
  // Two units of a character beyond the basic plane are one column.
  let column = 1;
  for (let at = 0; at < start; at++) if (!isSecondUnit(text.charCodeAt(at))) column++;
  return { line, column };
}

const isSecondUnit = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** A diagnostic for programs, without a code frame. */
export function toJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, code, message, span, help } = diagnostic;
  return { file: span.source.path, ...positionOf(span), severity, code, message, help: help ?? null };
}

/**
 * `FILE:LINE:COL: error[CODE]: message`, then the line before, the line, a squiggle and the help.
 * Control characters are replaced, so that a file cannot control the terminal.
 */
export function formatDiagnostic(diagnostic: Diagnostic, options: { readonly color?: boolean } = {}): string {
  const paint = options.color ? (code: string, text: string) => `\u001b[${code}m${text}\u001b[0m` : plain;
  const { severity, code, message, span, help } = diagnostic;
  const tone = severity === "error" ? "31" : "33";
  const { line, column } = positionOf(span);
  const place = `${printable(span.source.path)}:${line}:${column}:`;
  const lines = [`${paint("1", place)} ${paint(`1;${tone}`, `${severity}[${code}]`)}: ${printable(message)}`];

  const current = lineAt(span);
  const margin = String(line).length;
  const rule = (label: string) => paint("2", `  ${label.padStart(margin)} | `);
  if (current.text !== "" || line > 1) {
    // Of a line of megabytes only the part around the span is expanded.
    const before = expand(current.text.slice(Math.max(0, current.start - most), current.start));
    const marked = expand(
      current.text.slice(current.start, Math.min(current.end, current.start + most)),
      width(before),
    );
    const after = expand(current.text.slice(current.end, current.end + most), width(before) + width(marked));
    const hidden = Math.max(0, width(before) - widest / 2);
    if (line > 1 && hidden === 0) lines.push(rule(String(line - 1)) + clip(expand(current.previous.slice(0, most)), 0));
    lines.push(rule(String(line)) + clip(before + marked + after, hidden));
    const squiggle = "^".repeat(Math.max(1, Math.min(width(marked), widest - (width(before) - hidden))));
    lines.push(rule("") + " ".repeat(width(before) - hidden) + paint(tone, squiggle));
  }
  if (help !== undefined) lines.push(`  ${" ".repeat(margin)} ${paint("2", "=")} help: ${printable(help)}`);
  return lines.map((text) => text.trimEnd()).join("\n");
}

/** Diagnostics with code frames, separated by empty lines. */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: { readonly color?: boolean } = {},
): string {
  return diagnostics.map((one) => formatDiagnostic(one, options)).join("\n\n");
}

/** Diagnostics without duplicates, sorted by file and by position. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const sources = new Map<SourceText, number>();
  const seen = new Map<string, Diagnostic>();
  for (const one of diagnostics) {
    const { source, start } = one.span;
    if (!sources.has(source)) sources.set(source, sources.size);
    const key = [sources.get(source), start, one.code, one.message].join("\0");
    if (!seen.has(key)) seen.set(key, one);
  }
  const rank = ({ span }: Diagnostic) => sources.get(span.source) ?? 0;
  return [...seen.values()].sort((a, b) => rank(a) - rank(b) || a.span.start - b.span.start || a.span.end - b.span.end);
}

/** The line in which a span starts, the line before, and the part of the span in that line. */
function lineAt(span: Span): { line: number; text: string; previous: string; start: number; end: number } {
  const { text } = span.source;
  let line = 1;
  let from = 0;
  let before = 0;
  let to = text.length;
  for (const match of text.matchAll(lineBreak)) {
    if (match.index >= span.start) {
      to = match.index;
      break;
    }
    before = from;
    from = match.index + match[0].length;
    line++;
  }
  const start = Math.max(0, Math.min(span.start, to) - from);
  return {
    line,
    text: text.slice(from, to),
    previous: text.slice(before, from).replace(lineBreak, ""),
    start,
    end: Math.max(start, Math.min(span.end, to) - from),
  };
}

const plain = (_code: string, text: string) => text;

/** Expands tabs to the next tab stop and replaces control characters. */
function expand(text: string, from = 0): string {
  let result = "";
  let at = from;
  for (const char of text) {
    const shown = char === "\t" ? " ".repeat(tab - (at % tab)) : printable(char);
    result += shown;
    at += width(shown);
  }
  return result;
}

/** The part of a line from a column, cut to the maximum width of a frame. */
function clip(text: string, from: number): string {
  let at = 0;
  let result = "";
  for (const char of text) {
    const wide = width(char);
    if (at >= from && at + wide <= from + widest) result += char;
    else if (at < from && at + wide > from) result += " ";
    at += wide;
  }
  return result;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Replaces characters that control a terminal or change the direction of text. */
function printable(text: string): string {
  return text.replace(control, "\ufffd");
}

const zeroWidth = /^(?:\p{Mn}|\p{Me}|\p{Cf})$/u;
const doubleWidth =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** Width in terminal columns. */
function width(text: string): number {
  let total = 0;
  for (const char of text) total += zeroWidth.test(char) ? 0 : doubleWidth.test(char) ? 2 : 1;
  return total;
}
