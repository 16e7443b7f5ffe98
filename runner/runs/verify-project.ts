import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { ledgerEntries } from "./ledger.ts";
import { liveFiles } from "./live-runs.ts";
import { latestLink, runsDir } from "./run-folder.ts";
import { readUploads } from "./upload-record.ts";

/** A file outside the runs' folders and the store that cannot be used. */
export type ProjectFlaw = { readonly of: "ledger" | "live" | "runs"; readonly path: string; readonly what: string };

/** Checks the ledger, the status files, the upload records and the `latest` links of a project. */
export function projectFlaws(artifacts: string): readonly ProjectFlaw[] {
  return [
    ...ledgerEntries(artifacts).torn.map((path) => ({ of: "ledger", path, what: "is torn" }) as const),
    ...liveFiles(artifacts)
      .filter(({ run }) => run === undefined)
      .map(({ path }) => ({ of: "live", path, what: "is torn" }) as const),
    ...namesIn(runsDir(artifacts))
      .toSorted()
      .flatMap((experiment) => experimentFlaws(join(runsDir(artifacts), experiment))),
  ];
}

function experimentFlaws(folder: string): readonly ProjectFlaw[] {
  const flaw = (name: string, what: string): ProjectFlaw => ({ of: "runs", path: join(folder, name), what });
  return namesIn(folder)
    .toSorted()
    .flatMap((name) => {
      if (name === latestLink) return isRunLink(folder) ? [] : [flaw(name, "does not link to a run of this folder")];
      if (name.endsWith(".upload.json"))
        return readUploads(join(folder, name)) === undefined ? [flaw(name, "is torn")] : [];
      const isRun = lstatSync(join(folder, name)).isDirectory();
      return isRun && !existsSync(join(folder, name, "manifest.json")) ? [flaw(name, "has no manifest.json")] : [];
    });
}

function isRunLink(folder: string): boolean {
  try {
    const target = readlinkSync(join(folder, latestLink));
    return !target.includes("/") && lstatSync(join(folder, target)).isDirectory();
  } catch {
    return false;
  }
}
