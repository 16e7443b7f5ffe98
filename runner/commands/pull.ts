import { openStored } from "../project/place.ts";
import { nothingPushed, openToPull } from "../publishing/remotes/destination.ts";
import { pull } from "../publishing/remotes/pull.ts";
import type { Transfer } from "../publishing/remotes/push.ts";
import { type PushedRun, pushedRuns, readPushedRun } from "../publishing/remotes/pushed-runs.ts";
import type { RemoteStore } from "../publishing/remotes/remote-store.ts";
import { runNotFound } from "../runs/finished-runs.ts";
import { exit } from "../util/context.ts";
import { firstNames } from "../util/format.ts";
import { anyNumber, defineCommand, flag, required } from "./command.ts";
import { json } from "./common-options.ts";
import { movedText } from "./push.ts";

export const command = defineCommand({
  arguments: {
    dest: required("dest", "Where the runs were pushed to: a folder, s3://bucket/prefix or hf://datasets/user/name."),
    runs: anyNumber(
      "run",
      "A pushed run, or an experiment for its latest run. Without one, the pushed runs are listed.",
    ),
  },
  options: {
    trust: flag("Use the results as cache hits of every experiment. A user with write access to DEST can forge them."),
    json,
  },
  async run({ dest: destination, runs: names, trust, json }, context) {
    const project = openStored(context.cwd, context, "write");
    try {
      const remote = await openToPull(destination, context);
      const there = await pushedRuns(remote);
      if (there.length === 0) throw nothingPushed(destination);
      if (names.length === 0) {
        context.out(json ? `${JSON.stringify({ destination, runs: there }, null, 1)}\n` : `${there.join("\n")}\n`);
        return exit.done;
      }
      const wanted: PushedRun[] = [];
      for (const name of names) wanted.push(await find(remote, name, there));
      const moved: Transfer[] = [];
      for (const run of wanted) moved.push(await pull(remote, run, { ...project, from: destination, trust }));
      context.out(movedText({ destination, moved, json, verb: "pulled" }));
      return exit.done;
    } finally {
      project.store.close();
    }
  },
});

/**
 * Finds a pushed run by its experiment (the latest run), its name, or the last digits of its name. Throws UserError
 * `run-not-found`.
 */
async function find(store: RemoteStore, name: string, there: readonly string[]): Promise<PushedRun> {
  const ofExperiment = there.filter((one) => one.startsWith(`${name}/`));
  if (ofExperiment.length > 0) {
    const runs: PushedRun[] = [];
    for (const one of ofExperiment) runs.push(await readPushedRun(store, one));
    return runs.reduce((latest, run) => (run.manifest.created > latest.manifest.created ? run : latest));
  }
  const found = there.filter((one) => {
    const run = one.slice(one.indexOf("/") + 1);
    return one === name || run === name || (name.length >= 4 && one.endsWith(name));
  });
  if (found.length === 1) return readPushedRun(store, found[0] as string);
  if (found.length > 1) throw runNotFound(`"${name}" names ${found.length} runs`, `choose one: ${firstNames(found)}`);
  throw runNotFound(`no pushed run "${name}"`, `pushed runs: ${firstNames(there)}`);
}
