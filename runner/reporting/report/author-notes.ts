import { lexer, type Token, type Tokens } from "marked";
import { type Block, heading, paragraph, type Span } from "./document.ts";
import type { Study } from "./study.ts";

/** What only a person can write, in the order in which the report has it. */
const slots: readonly { readonly name: string; readonly heading: string; readonly ask: string }[] = [
  {
    name: "data source",
    heading: "Origin of the data",
    ask: "Where the data come from and under which terms; for data of patients: how they were acquired, who annotated them and how, approval by an ethics committee.",
  },
  { name: "related work", heading: "Related work", ask: "What others have done on this task, with references." },
  { name: "discussion", heading: "Discussion", ask: "What the results mean, and why the failures happen." },
  { name: "conclusion", heading: "Conclusion", ask: "What a reader should take away." },
  { name: "acknowledgements", heading: "Acknowledgements", ask: "Who contributed data, software, advice or money." },
];

/** The human part of the report: each slot's own words, or what is still to be written there. */
export function notesOf({ notes }: Study): readonly Block[] {
  return slots.flatMap(({ name, heading: title, ask }): readonly Block[] => {
    const text = notes[name];
    return text === undefined
      ? [{ type: "slot", heading: title, ask }]
      : [heading(1, title), ...lexer(text).flatMap(blocksOf)];
  });
}

/** Slots that a study's notes have nothing for yet. */
export function openSlots(notes: Study["notes"]): readonly string[] {
  return slots.filter(({ name }) => notes[name] === undefined).map(({ heading }) => heading);
}

/**
 * A notes file as text by slot: `# Title` and `## Heading` lines open a slot by its name ("## Discussion"); a first-level
 * heading is the report's title, and the paragraph below it its authors.
 */
export function parseNotes(markdown: string): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  let open: string | undefined;
  for (const token of lexer(markdown)) {
    if (token.type === "heading" && token.depth === 1) {
      notes.title = token.text;
      open = "authors";
    } else if (token.type === "heading" && token.depth === 2) {
      open =
        slots.find(({ name, heading }) => [name, heading.toLowerCase()].includes(token.text.trim().toLowerCase()))
          ?.name ?? token.text.trim().toLowerCase();
    } else if (open !== undefined && token.type !== "space") {
      notes[open] = `${notes[open] ?? ""}${token.raw}`;
    }
  }
  if (notes.authors !== undefined) notes.authors = notes.authors.trim();
  return notes;
}

function blocksOf(token: Token): readonly Block[] {
  switch (token.type) {
    case "paragraph":
      return [paragraph(...spansOf((token as Tokens.Paragraph).tokens))];
    case "heading":
      return [heading(token.depth <= 3 ? 2 : 3, (token as Tokens.Heading).text)];
    case "list":
      return [{ type: "list", items: (token as Tokens.List).items.map((item) => spansOf(item.tokens)) }];
    case "code":
      return [{ type: "code", text: (token as Tokens.Code).text }];
    case "space":
      return [];
    default:
      return [paragraph(token.raw.trim())];
  }
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
        return "tokens" in token && token.tokens ? spansOf(token.tokens) : [(token as Tokens.Text).text];
      case "paragraph":
        return spansOf((token as Tokens.Paragraph).tokens);
      default:
        return [token.raw];
    }
  });
}
