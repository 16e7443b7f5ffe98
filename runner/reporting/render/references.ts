import { readFileSync } from "node:fs";
import { join } from "node:path";
import { backends } from "../../plugins/backends/registry.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { tasks } from "../../plugins/tasks/registry.ts";

/**
 * The bibliography of all reports as BibTeX: the entries of the package, and those of the registered implementations.
 */
export function readReferences(templates: string): string {
  const own = readFileSync(join(templates, "references.bib"), "utf8").trimEnd();
  const cited = [
    ...[...backends, ...engines].flatMap(({ citation }) => (citation === undefined ? [] : [citation])),
    ...[...tasks].flatMap(({ metrics }) => [...metrics].flatMap(({ citations = [] }) => citations)),
  ];
  const entries = new Map(cited.map(({ key, bibtex }) => [key, bibtex]));
  return `${[own, ...entries.values()].join("\n")}\n`;
}
