/** A text that a person wrote, and its path as errors name it. */
export type SourceText = { readonly path: string; readonly text: string };

/** Half-open range of UTF-16 offsets in a source. */
export type Span = { readonly source: SourceText; readonly start: number; readonly end: number };

/** One thing that is wrong with what the user wrote, and where. */
export type Diagnostic = {
  readonly severity: "error" | "warning";
  /** Stable and documented in docs/reference/errors.md: "unknown-key". */
  readonly code: string;
  readonly message: string;
  readonly span: Span;
  /** What to do: 'did you mean "rank"?' */
  readonly help?: string;
};

/** Either a value, with what is odd about it, or everything that is wrong at once. */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };
