/** The text of a file or setting, and its path in errors. */
export type SourceText = { readonly path: string; readonly text: string };

/** Half-open range of UTF-16 offsets in a source. */
export type Span = { readonly source: SourceText; readonly start: number; readonly end: number };

/** A problem in an input, and its position. */
export type Diagnostic = {
  readonly severity: "error" | "warning";
  /** Stable and documented in docs/reference/errors.md: "unknown-key". */
  readonly code: string;
  readonly message: string;
  readonly span: Span;
  /** How to correct it: 'did you mean "rank"?' */
  readonly help?: string;
};

/** A value with warnings, or all errors. */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };
