import { relative } from "node:path";
import { openProject } from "../project.ts";
import { plural } from "../show/quantity.ts";
import { findRun, listRuns, RunNotFound } from "../study/runs.ts";
import { Verifier } from "../study/verify.ts";
import { type Act, exit } from "./context.ts";

/** `exp verify [RUN]`: reads every file that runs refer to, whatever was remembered of it; exit 3 where one is not as it was. */
export const command: Act = async ([name], options, context) => {
  const { root, artifacts, site, store } = await openProject(context.cwd, context, "read");
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
    if (options.store === true) verifier.store(store);
  } catch (error) {
    if (!(error instanceof RunNotFound)) throw error;
    context.err(`exp verify: ${error.message}\n`);
    return exit.invalid;
  }
  const { files, bytes, flaws, notes } = verifier.verified;
  if (options.json === true) {
    context.out(`${JSON.stringify({ files, bytes, flaws, notes }, null, 1)}\n`);
    return flaws.length === 0 ? exit.done : exit.refused;
  }
  for (const { of, file, what } of flaws) context.out(`${of}: ${relative(context.cwd, `${root}/${file}`)} ${what}\n`);
  for (const note of notes) context.err(`exp verify: ${note}\n`);
  const read = `${plural(files, "file")} (${(bytes / 1e6).toFixed(1)} MB) read`;
  context.out(flaws.length === 0 ? `${read}: all as recorded\n` : `${read}: ${plural(flaws.length, "flaw")}\n`);
  return flaws.length === 0 ? exit.done : exit.refused;
};
