/** A piece of running text. `cite` names an entry of the bibliography, `ref` a table or figure of this report. */
export type Span =
  | string
  | { readonly strong: string }
  | { readonly emph: string }
  | { readonly code: string }
  | { readonly cite: string }
  | { readonly ref: string };

/** One cell of a table. */
export type Cell = string | readonly Span[];

/** What a report is made of; the PDF and the page are two ways to set it. */
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
  | { readonly type: "code"; readonly text: string }
  /** `typst` is set in the PDF, `plain` is read aloud and shown where formulas cannot be. */
  | { readonly type: "equation"; readonly typst: string; readonly plain: string }
  /** What a person has still to write: said so in the report, never made up. */
  | { readonly type: "slot"; readonly heading: string; readonly ask: string };

/** A whole report: text as blocks, figures as Vega-Lite specifications by their ids. */
export type Report = {
  readonly title: string;
  /** Empty while nobody has named them in the notes. */
  readonly authors: string;
  /** ISO 8601 date of the newest run: the report of the same runs is the same bytes on every day. */
  readonly date: string;
  readonly abstract: readonly (readonly Span[])[];
  /** Said on every page, where the numbers are not what they seem (a smoke run, replayed answers). */
  readonly warning: string;
  readonly blocks: readonly Block[];
  readonly figures: Readonly<Record<string, object>>;
};

/** A paragraph of the given pieces. */
export const paragraph = (...spans: readonly Span[]): Block => ({ type: "paragraph", spans });

/** A heading. */
export const heading = (level: 1 | 2 | 3, text: string): Block => ({ type: "heading", level, text });
