/**
 * A piece of text. `cite` is a key of the bibliography, `ref` the id of a table or figure of the same report, and
 * `case` the id of an evaluated case, which pages link to the case.
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

/**
 * A sentence that begins with a reference to a table or figure. `rest` ends the sentence, and a space follows it. A
 * report without the element has no such sentence.
 */
export const about = (id: string, rest: string): readonly Span[] => [{ ref: id }, ` ${rest} `];

/** Blocks without the sentences on tables and figures that are not among them. */
export function withoutMissingReferences(blocks: readonly Block[]): readonly Block[] {
  const ids = new Set(blocks.flatMap((block) => ("id" in block ? [block.id] : [])));
  const isMissing = (span: Span | undefined): boolean =>
    typeof span === "object" && "ref" in span && !ids.has(span.ref);
  return blocks.flatMap((block): readonly Block[] => {
    if (block.type !== "paragraph") return [block];
    const spans = block.spans.filter((span, at, all) => !isMissing(span) && !(at > 0 && isMissing(all[at - 1])));
    return spans.every((span) => span === "") ? [] : [{ ...block, spans }];
  });
}

export const heading = (level: 1 | 2 | 3, text: string): Block => ({ type: "heading", level, text });
