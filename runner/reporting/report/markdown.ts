import { lexer, type Token, type Tokens } from "marked";
import { UserError } from "../../util/user-error.ts";
import { type Block, heading, paragraph, type Span } from "./document.ts";

/** The parser takes quadratic time for nested quotes and lists, and exceeds its stack. */
const tooDeep = /^(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])[ \t])){33}|^[ \t]{200}/m;

/** Lines of a paragraph. The parser takes quadratic time and memory for them. */
const longestParagraph = 5_000;

/** The blocks of Markdown as the parser gives them. Throws UserError `notes-too-deep`. */
export function tokensOf(markdown: string): Token[] {
  if (tooDeep.test(markdown)) throw tooDeepNotes();
  let lines = 0;
  for (const line of markdown.split("\n")) {
    lines = line.trim() === "" ? 0 : lines + 1;
    if (lines > longestParagraph) {
      throw new UserError(
        "notes-too-deep",
        `the notes have more than ${longestParagraph} lines without an empty line`,
        {
          help: "put empty lines between paragraphs",
          status: "invalid",
        },
      );
    }
  }
  return withinStack(() => lexer(markdown));
}

/**
 * Throws UserError \`notes-too-deep\` if the nesting of emphasis, for which the pattern has no bound, exceeds the
 * stack.
 */
function withinStack<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw tooDeepNotes();
    throw error;
  }
}

const tooDeepNotes = (): UserError =>
  new UserError("notes-too-deep", "the notes have quotes, lists or emphasis that are nested too deeply", {
    help: "nest at most 32 quotes or lists, and indent by fewer than 200 characters",
    status: "invalid",
  });

/** Markdown as blocks of a report. `tableOf` gives each table its id and caption. */
export function markdownBlocks(
  markdown: string,
  tableOf: (number: number) => { readonly id: string; readonly caption: string },
): readonly Block[] {
  let tables = 0;
  const blocksOf = (token: Token): readonly Block[] => {
    switch (token.type) {
      case "paragraph":
        return [paragraph(...spansOf((token as Tokens.Paragraph).tokens))];
      case "heading":
        return [heading(token.depth <= 3 ? 2 : 3, (token as Tokens.Heading).text)];
      case "list":
        return [{ type: "list", items: (token as Tokens.List).items.map((item) => spansOf(item.tokens)) }];
      case "code":
        return [{ type: "code", text: (token as Tokens.Code).text }];
      case "table": {
        const { header, rows, align } = token as Tokens.Table;
        tables += 1;
        return [
          {
            type: "table",
            ...tableOf(tables),
            head: header.map(({ text }) => text),
            align: align.map((side) => (side === "right" ? "right" : "left")),
            rows: rows.map((row) => row.map(({ tokens }) => spansOf(tokens))),
          },
        ];
      }
      case "space":
        return [];
      default:
        return [paragraph(token.raw.trim())];
    }
  };
  return withinStack(() => tokensOf(markdown).flatMap(blocksOf));
}

function spansOf(tokens: readonly Token[] | undefined): readonly Span[] {
  return (tokens ?? []).flatMap((token): readonly Span[] => {
    switch (token.type) {
      case "strong":
        return [{ strong: (token as Tokens.Strong).text }];
      case "em":
        return [{ emph: (token as Tokens.Em).text }];
      case "codespan":
        return [{ code: (token as Tokens.Codespan).text }];
      case "link":
        return [`${(token as Tokens.Link).text} (${(token as Tokens.Link).href})`];
      case "text":
        // A line break in the file is a space.
        return "tokens" in token && token.tokens
          ? spansOf(token.tokens)
          : [(token as Tokens.Text).text.replaceAll("\n", " ")];
      case "paragraph":
        return spansOf((token as Tokens.Paragraph).tokens);
      default:
        return [token.raw];
    }
  });
}

/** The sections of a Markdown text by their second-level headings; text before the first one has the heading "". */
export function markdownSections(markdown: string): readonly { readonly heading: string; readonly text: string }[] {
  const sections: { heading: string; text: string }[] = [];
  for (const token of tokensOf(markdown)) {
    if (token.type === "heading" && token.depth === 2) sections.push({ heading: token.text.trim(), text: "" });
    else if (token.type !== "heading" || token.depth > 2) {
      if (sections.length === 0) sections.push({ heading: "", text: "" });
      (sections.at(-1) as { text: string }).text += token.raw;
    }
  }
  return sections;
}
