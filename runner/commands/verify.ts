import { relative } from "node:path";
import { openProject } from "../project/project.ts";
import { findRun, listRuns, RunNotFound } from "../runs/finished-runs.ts";
import { Verifier } from "../runs/verify.ts";
import { ManifestUnreadable } from "../store/manifest-references.ts";
import { type Repaired, repair } from "../store/repair.ts";
import { type Act, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";

/**
 * `exp verify [RUN]`: reads every file that runs refer to, whatever was remembered of it; exit 3 where one is not as it was.
 * `--store --repair` removes what is wrong in the store, and ends with 0 where the next run can make all of it again.
 */
export const command: Act = async ([name], options, context) => {
  if (options.repair === true && options.store !== true) {
    context.err("exp verify: --repair mends the store; write exp verify --store --repair\n");
    return exit.invalid;
  }
  const access = options.repair === true ? "write" : "read";
  const { root, artifacts, site, store } = await openProject(context.cwd, context, access);
  let repaired: readonly Repaired[] | undefined;
  const verifier = new Verifier({
    root,
    artifacts,
    packageRoot: context.packageRoot,
    weights: (base, revision) => site.model(base, revision).dir,
  });
  try {
    const runs =
      name === undefined
        ? options.store === true
          ? []
          : listRuns(artifacts)
        : [findRun(name as string, artifacts, context.cwd)];
    if (runs.length === 0 && options.store !== true) {
      context.err("exp verify: there are no finished runs yet\n");
      return exit.invalid;
    }
    for (const run of runs) verifier.run(run);
    const findings = options.store === true ? verifier.store(store) : [];
    if (options.repair === true) repaired = repair(store, findings);
  } catch (error) {
    if (!(error instanceof RunNotFound || error instanceof ManifestUnreadable)) throw error;
    context.err(`exp verify: ${error.message}\n`);
    return exit.invalid;
  } finally {
    store.close();
  }
  const { files, bytes, flaws, notes } = verifier.verified;
  const left = repaired === undefined ? flaws : flaws.filter((flaw) => flaw.of !== "store");
  const isWhole = left.length === 0 && (repaired ?? []).every(({ removed }) => removed);
  const code = isWhole ? exit.done : exit.refused;
  if (options.json === true) {
    context.out(`${JSON.stringify({ files, bytes, flaws, notes, repaired }, null, 1)}\n`);
    return code;
  }
  for (const { of, file, what } of flaws) context.out(`${of}: ${relative(context.cwd, `${root}/${file}`)} ${what}\n`);
  for (const note of notes) context.err(`exp verify: ${note}\n`);
  const read = `${plural(files, "file")} (${(bytes / 1e6).toFixed(1)} MB) read`;
  context.out(flaws.length === 0 ? `${read}: all as recorded\n` : `${read}: ${plural(flaws.length, "flaw")}\n`);
  for (const { path, did } of repaired ?? []) context.out(`${relative(context.cwd, `${artifacts}/${path}`)}: ${did}\n`);
  return code;
};
