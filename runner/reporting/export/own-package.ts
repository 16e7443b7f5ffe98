import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Context } from "../../util/context.ts";

/** A file of the package of exp that runs, as npm packs it. The same package gives the same bytes. */
export type OwnPackage = { readonly name: string; readonly bytes: Uint8Array };

/** Packs the running exp. Undefined if this machine has no npm. Throws what npm reports. */
export async function packExp({ packageRoot, stop }: Context): Promise<OwnPackage | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "exp-pack-"));
  try {
    const options = ["--ignore-scripts", "--no-update-notifier", "--loglevel", "error"];
    await promisify(execFile)("npm", ["pack", packageRoot, "--pack-destination", folder, ...options], {
      cwd: folder,
      signal: stop,
    });
    const name = readdirSync(folder).find((file) => file.endsWith(".tgz")) as string;
    return { name, bytes: readFileSync(join(folder, name)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
