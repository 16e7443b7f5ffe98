import { type Block, heading, paragraph } from "./document.ts";
import { markdownBlocks, tokensOf } from "./markdown.ts";
import type { Study } from "./study.ts";

type Slot = { readonly name: string; readonly heading: string; readonly instruction: string };

/** Sections that only the authors can write, in the order of the report. */
const noteSections: readonly Slot[] = [
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
    name: "ethics",
    heading: "Ethics",
    instruction: "Approval by an ethics committee, and consent, or why neither is needed.",
  },
  { name: "funding", heading: "Funding", instruction: "Who paid for the study, or that nobody did." },
  {
    name: "acknowledgements",
    heading: "Acknowledgements",
    instruction: "Contributors of data, software and advice.",
  },
];

/** What the authors write above the sections. */
const titleSlots: readonly Slot[] = [
  { name: "title", heading: "Title", instruction: "The heading of the first level." },
  { name: "authors", heading: "Authors", instruction: "Names and affiliations, in the paragraph below the title." },
];

/** The sections that the authors have written. The origin of the data is else what the study declares. */
export function authorNotes({ notes, runs }: Study): readonly Block[] {
  return noteSections.flatMap(({ name, heading: title }): readonly Block[] => {
    const text = notes[name] ?? (name === "data source" ? declaredSource(runs) : undefined);
    return text === undefined
      ? []
      : [
          heading(1, title),
          ...markdownBlocks(text, (number) => ({ id: `notes-${name}-${number}`, caption: `${title}.` })),
        ];
  });
}

/** The sources that runs declare, as Markdown; undefined without one. */
function declaredSource(runs: Study["runs"]): string | undefined {
  const declared = runs.flatMap(({ config: { data } }) => {
    const { source, link, license } = data.origin ?? {};
    const facts = [source, link, license === undefined ? undefined : `Licence of the data: ${license}.`];
    const text = facts.filter((part) => part !== undefined).join(" ");
    return text === "" ? [] : [text];
  });
  return declared.length === 0 ? undefined : [...new Set(declared)].join("\n\n");
}

/** What the authors still have to write. Synthetic and public data need no statement on ethics. */
function openSlots({ notes, runs }: Pick<Study, "notes" | "runs">): readonly Slot[] {
  const kinds = runs.map(({ config }) => config.data.origin?.kind);
  const isFilled = ({ name }: Slot): boolean =>
    notes[name] !== undefined ||
    (name === "data source" && declaredSource(runs) !== undefined) ||
    (name === "ethics" && kinds.every((kind) => kind === "synthetic" || kind === "public"));
  return [...titleSlots, ...noteSections].filter((slot) => !isFilled(slot));
}

/** Whether the report is ready to hand in, as its last run declares. */
const isFinal = ({ runs }: Pick<Study, "runs">): boolean => runs.at(-1)?.config.report.final === true;

/** The list of what the authors still have to write, for the end of a report that is not final. */
export function authorTasks(study: Study): readonly Block[] {
  const open = openSlots(study);
  if (open.length === 0 || isFinal(study)) return [];
  return [
    heading(1, "To be written by the authors"),
    paragraph(
      "The Markdown file of ",
      { code: "report.notes" },
      " lacks these parts. A report with ",
      { code: "report.final: true" },
      " has no such list.",
    ),
    { type: "list", items: open.map(({ heading, instruction }) => [{ strong: heading }, `: ${instruction}`]) },
  ];
}

/** A warning that names the parts that the notes lack; none if they are complete. */
export function missingNotes(study: Pick<Study, "notes" | "runs">): readonly string[] {
  const missing = openSlots(study).map(({ heading }) => heading);
  if (missing.length === 0) return [];
  const start = isFinal(study) ? "The report is declared final (report.final), but its" : "The";
  return [`${start} author notes lack ${missing.join(", ")}. Write these parts in the Markdown file of report.notes.`];
}

/**
 * Splits a notes file by section: the first-level heading is the report's title, the paragraph below it names the authors, and each
 * second-level heading ("## Discussion") starts a section. Keys are lower-case headings.
 */
export function parseNotes(markdown: string): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  let current: string | undefined;
  for (const token of tokensOf(markdown)) {
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
