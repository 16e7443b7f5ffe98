import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSynonyms } from "../data/labels/synonyms.ts";
import type { Synonyms } from "../data/labels/views.ts";
import { sha256 } from "../util/canonical.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** The synonyms that a run names, as its project has them now; and whether they are still those of the run. */
export type SynonymsNow = { readonly synonyms?: Synonyms; readonly state: "none" | "same" | "changed" | "gone" };

/** Reads the synonym file of a run. A file that cannot be read as one counts as gone. */
export function synonymsNow({ manifest }: FinishedRun, root: string): SynonymsNow {
  const { synonyms: path } = (manifest.config as { readonly data: { readonly labels: { readonly synonyms?: string } } })
    .data.labels;
  if (path === undefined) return { state: "none" };
  let text: string;
  try {
    text = readFileSync(join(root, path), "utf8");
  } catch {
    return { state: "gone" };
  }
  const parsed = parseSynonyms({ path, text });
  if (!parsed.ok) return { state: "gone" };
  return { synonyms: parsed.value, state: sha256(text) === manifest.provenance.sources[path] ? "same" : "changed" };
}
