import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../util/canonical.ts";
import { listingDigest, openDigests } from "./digest.ts";
import { names } from "./records.ts";

/** What is said of a finished step beside its files. */
type About = { readonly seconds: number; readonly evidence: Readonly<Record<string, Json>> };

const prefix = "unstored.";
const about = "unstored.json";

/**
 * Puts what a full disk kept from being stored into the step's work folder, under the name of its content: a rename needs
 * no space. Where even that fails nothing is kept, and the step resumes from its checkpoint.
 */
export function keepUnstored(dir: string, work: string, { seconds, evidence }: About): void {
  try {
    renameSync(dir, join(work, `${prefix}${contentOf(dir, work)}`));
    // Makes room for the line below.
    rmSync(join(work, "progress.jsonl"), { force: true });
    writeFileSync(join(work, about), JSON.stringify({ seconds, evidence }));
  } catch {
    // The disk is full: that is told already.
  }
}

/** Moves what was kept into a staging folder, so that only the commit is tried again; undefined where it is not whole. */
export function takeUnstored(work: string, stage: () => string): (About & { readonly dir: string }) | undefined {
  const kept = names(work).find((name) => /^unstored\.[0-9a-f]{64}$/.test(name));
  if (kept === undefined) return undefined;
  const from = join(work, kept);
  if (`${prefix}${contentOf(from, work)}` !== kept) {
    rmSync(from, { recursive: true, force: true });
    return undefined;
  }
  const dir = stage();
  renameSync(from, dir);
  return { seconds: 0, evidence: {}, ...readAbout(work), dir };
}

/** Reads every byte: after a flush that failed, a file's times do not tell whether its bytes are there. */
function contentOf(folder: string, work: string): string {
  return listingDigest(openDigests(join(work, "no-memory")).folder(folder));
}

function readAbout(work: string): Partial<About> {
  try {
    return JSON.parse(readFileSync(join(work, about), "utf8")) as About;
  } catch {
    return {};
  }
}
