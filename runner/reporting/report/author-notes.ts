import { lexer } from "marked";
import { type Block, heading } from "./document.ts";
import { markdownBlocks } from "./markdown.ts";
import type { Study } from "./study.ts";

/** Sections that only the authors can write, in the order of the report. */
const noteSections: readonly { readonly name: string; readonly heading: string; readonly instruction: string }[] = [
  {
    name: "data source",
    heading: "Origin of the data",
    instruction:
      "Source and terms of use of the data. For patient data: acquisition, annotators, annotation protocol, and approval by an ethics committee.",
  },
  { name: "related work", heading: "Related work", instruction: "Prior work on this task, with references." },
  { name: "discussion", heading: "Discussion", instruction: "Interpretation of the results and of the failure cases." },
  { name: "conclusion", heading: "Conclusion", instruction: "Main conclusions of the study." },
  {
    name: "acknowledgements",
    heading: "Acknowledgements",
    instruction: "Contributors of data, software, advice and funding.",
  },
];

/** The sections of the authors: the text of the notes, or a placeholder with an instruction. */
export function authorNotes({ notes }: Study): readonly Block[] {
  return noteSections.flatMap(({ name, heading: title, instruction }): readonly Block[] => {
    const text = notes[name];
    return text === undefined
      ? [{ type: "placeholder", heading: title, instruction }]
      : [
          heading(1, title),
          ...markdownBlocks(text, (number) => ({ id: `notes-${name}-${number}`, caption: `${title}.` })),
        ];
  });
}

/** A warning that names the sections that the notes lack; none if they are complete. */
export function missingNotes(notes: Study["notes"]): readonly string[] {
  const missing = noteSections.filter(({ name }) => notes[name] === undefined).map(({ heading }) => heading);
  if (missing.length === 0) return [];
  return [`The author notes lack ${missing.join(", ")}. Write these sections in the Markdown file of report.notes.`];
}

/**
 * Splits a notes file by section: the first-level heading is the report's title, the paragraph below it names the authors, and each
 * second-level heading ("## Discussion") starts a section. Keys are lower-case headings.
 */
export function parseNotes(markdown: string): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  let current: string | undefined;
  for (const token of lexer(markdown)) {
    if (token.type === "heading" && token.depth === 1) {
      notes.title = token.text;
      current = "authors";
    } else if (token.type === "heading" && token.depth === 2) {
      const title = token.text.trim().toLowerCase();
      current = noteSections.find(({ name, heading }) => [name, heading.toLowerCase()].includes(title))?.name ?? title;
    } else if (current !== undefined && token.type !== "space") {
      notes[current] = `${notes[current] ?? ""}${token.raw}`;
    }
  }
  if (notes.authors !== undefined) notes.authors = notes.authors.trim();
  return notes;
}
