import { type Manifest, parseManifest } from "../../runs/manifest.ts";
import { runDigits } from "../../runs/run-folder.ts";
import { listingDigest } from "../../store/digest.ts";
import { UserError } from "../../util/user-error.ts";
import { isListing } from "./listing.ts";
import type { RemoteStore } from "./remote-store.ts";

/** A run as a shelf has it: its manifest, and the bytes of that. */
export type ShelvedRun = { readonly manifest: Manifest; readonly text: string };

/** Where a run's manifest lies on a shelf. */
export const manifestName = ({ experiment, run }: Pick<Manifest, "experiment" | "run">): string =>
  `runs/${experiment}/${run}.json`;

/** "<experiment>/<run>" of every run on a shelf. */
export async function shelvedRuns(shelf: Pick<RemoteStore, "names">): Promise<readonly string[]> {
  const experiments = await shelf.names("runs");
  const runs = await Promise.all(
    experiments.map(async (experiment) =>
      (await shelf.names(`runs/${experiment}`)).flatMap((name) =>
        name.endsWith(".json") ? [`${experiment}/${name.slice(0, -".json".length)}`] : [],
      ),
    ),
  );
  return runs.flat().sort();
}

/**
 * A run's manifest from a shelf, which anyone may have written: it counts only where its name is the digest of what it says,
 * each step's object that of its files, and no path leads out. Throws UserError (copy-damaged).
 */
export async function shelvedRun(shelf: Pick<RemoteStore, "readText">, name: string): Promise<ShelvedRun> {
  const text = (await shelf.readText(`runs/${name}.json`)) ?? "";
  try {
    const manifest = parseManifest(text, name);
    if (`${manifest.experiment}/${manifest.run}` === name && isWhole(manifest)) {
      return { manifest, text };
    }
  } catch (error) {
    if (error instanceof UserError && error.code === "manifest-format") throw error;
  }
  throw new UserError("copy-damaged", `the manifest of ${name} is not what its name says`, {
    help: "push this run again from where it was made",
  });
}

function isWhole({ experiment, run, config, steps, arms }: Manifest): boolean {
  const isName = (name: string): boolean => /^[^/\\\0]+$/.test(name) && name !== "." && name !== "..";
  const isDigest = (text: unknown): boolean => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
  return (
    isName(experiment) &&
    isName(run) &&
    typeof arms === "object" &&
    run.endsWith(runDigits(config, steps)) &&
    Object.entries(steps).every(
      ([id, { key, object, files }]) =>
        !/[/\\\0]|\.\./.test(id) &&
        isDigest(key) &&
        isDigest(object) &&
        isListing(files) &&
        listingDigest(files) === object,
    )
  );
}
