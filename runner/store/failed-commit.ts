import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../util/canonical.ts";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { listingDigest, openDigests } from "./digest.ts";

/** The part of a record that the files do not determine. */
type Facts = { readonly seconds: number; readonly evidence: Readonly<Record<string, Json>> };

const prefix = "failed-commit.";
const factsFile = "failed-commit.json";

/**
 * Moves outputs that a full disk kept from being stored into the step's work folder, under the digest of their content. A
 * rename needs no space. If it fails, nothing is kept and the step resumes from its checkpoint.
 */
export function keepFailedCommit(dir: string, work: string, { seconds, evidence }: Facts): void {
  try {
    renameSync(dir, join(work, `${prefix}${contentDigest(dir, work)}`));
    // Frees space for the next file.
    rmSync(join(work, "progress.jsonl"), { force: true });
    writeFileSync(join(work, factsFile), JSON.stringify({ seconds, evidence }));
  } catch {
    // The caller reports the full disk.
  }
}

/** Moves kept outputs into a staging folder, so that only the commit is repeated; undefined if they are incomplete. */
export function takeFailedCommit(work: string, stage: () => string): (Facts & { readonly dir: string }) | undefined {
  const kept = namesIn(work).find((name) => /^failed-commit\.[0-9a-f]{64}$/.test(name));
  if (kept === undefined) return undefined;
  const from = join(work, kept);
  if (`${prefix}${contentDigest(from, work)}` !== kept) {
    rmSync(from, { recursive: true, force: true });
    return undefined;
  }
  const dir = stage();
  renameSync(from, dir);
  return { seconds: 0, evidence: {}, ...readFacts(work), dir };
}

/** Reads every byte: after a failed flush, the stat of a file does not show whether its bytes are on the disk. */
function contentDigest(folder: string, work: string): string {
  const withoutCache = openDigests(join(work, "no-cache"));
  return listingDigest(withoutCache.folder(folder));
}

function readFacts(work: string): Partial<Facts> {
  try {
    return JSON.parse(readOwnFile(join(work, factsFile))) as Facts;
  } catch {
    return {};
  }
}
