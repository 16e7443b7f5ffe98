import { runLabel } from "../../runs/finished-runs.ts";
import { hasOwnSchema } from "../../runs/intact-run.ts";
import { type Manifest, parseManifest } from "../../runs/manifest.ts";
import { runDigits } from "../../runs/run-folder.ts";
import { listingDigest } from "../../store/digest.ts";
import { UserError } from "../../util/user-error.ts";
import type { RemoteStore } from "./remote-store.ts";

/** A run in a remote store: its manifest, parsed and as text. */
export type PushedRun = { readonly manifest: Manifest; readonly text: string };

/** "<experiment>/<run>" of every run in a remote store, sorted. */
export async function pushedRuns(remote: Pick<RemoteStore, "names">): Promise<readonly string[]> {
  const experiments = await remote.names("runs");
  const runs = await Promise.all(
    experiments.map(async (experiment) =>
      (await remote.names(`runs/${experiment}`)).flatMap((name) =>
        name.endsWith(".json") ? [`${experiment}/${name.slice(0, -".json".length)}`] : [],
      ),
    ),
  );
  return runs.flat().sort();
}

/**
 * Reads the manifest of a pushed run and validates it: other people may write to a remote store. The run's name must match its
 * content, each object its files, and no path may leave its folder. Throws UserError: copy-damaged, manifest-format.
 */
export async function readPushedRun(remote: Pick<RemoteStore, "readText">, name: string): Promise<PushedRun> {
  const text = (await remote.readText(`runs/${name}.json`)) ?? "";
  try {
    const manifest = parseManifest(text, `runs/${name}.json`);
    if (runLabel({ manifest }) === name && isIntact(manifest)) return { manifest, text };
  } catch (error) {
    if (error instanceof UserError && error.code === "manifest-format") throw error;
  }
  throw new UserError("copy-damaged", `the manifest of ${name} does not match its name`, {
    help: "push this run again from the machine that has it",
  });
}

function isIntact(manifest: Manifest): boolean {
  const { run, config, steps } = manifest;
  return (
    run.endsWith(runDigits(config, steps)) &&
    hasOwnSchema(manifest) &&
    Object.values(steps).every(({ object, files }) => listingDigest(files) === object)
  );
}
