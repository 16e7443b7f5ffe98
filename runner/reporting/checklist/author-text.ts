import type { Material } from "./checklist-item.ts";

/** What is asked of the authors until their notes have it. */
export function slot({ notes }: Material, heading: string, ask: string): readonly string[] {
  const text = notes[heading.toLowerCase()];
  if (text !== undefined) return [text.trim()];
  return [`*To be filled in by the authors: ${ask} (report.notes, heading "${heading}")*`];
}
