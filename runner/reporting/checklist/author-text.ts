import type { ChecklistInput } from "./checklist-item.ts";

/** The text of the author notes under a heading, or a placeholder that describes what is missing. */
export function authorText({ notes }: ChecklistInput, heading: string, instruction: string): readonly string[] {
  const text = notes[heading.toLowerCase()];
  if (text !== undefined) return [text.trim()];
  return [`*To be written by the authors: ${instruction} (heading "${heading}" in report.notes).*`];
}
