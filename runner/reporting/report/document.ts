/**
 * A piece of text. `cite` is a key of the bibliography, `ref` the id of a table or figure of the same report, and `case` the id of
 * an evaluated case, which pages link to the case.
 */
export type Span =
  | string
  | { readonly strong: string }
  | { readonly emph: string }
  | { readonly code: string }
  | { readonly cite: string }
  | { readonly ref: string }
  | { readonly case: string };

/** One cell of a table. */
export type Cell = string | readonly Span[];

/** One element of a report. Renderers exist for PDF, HTML and plain text. */
export type Block =
  | { readonly type: "heading"; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly type: "paragraph"; readonly spans: readonly Span[] }
  | { readonly type: "list"; readonly items: readonly (readonly Span[])[] }
  | {
      readonly type: "table";
      readonly id: string;
      readonly caption: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
      readonly align: readonly ("left" | "right")[];
    }
  | { readonly type: "figure"; readonly id: string; readonly caption: string; readonly alt: string }
  | { readonly type: "code"; readonly text: string };

/** A report: text as blocks, figures as Vega-Lite specifications by id. */
export type Report = {
  readonly title: string;
  /** Empty if the author notes name none. */
  readonly authors: string;
  /** ISO 8601 date of the newest run, so that the same runs always give the same bytes. */
  readonly date: string;
  readonly abstract: readonly (readonly Span[])[];
  /** Shown on every page; empty unless the study has smoke runs or replayed predictions. */
  readonly warning: string;
  readonly blocks: readonly Block[];
  readonly figures: Readonly<Record<string, object>>;
};

export const paragraph = (...spans: readonly Span[]): Block => ({ type: "paragraph", spans });

export const heading = (level: 1 | 2 | 3, text: string): Block => ({ type: "heading", level, text });
