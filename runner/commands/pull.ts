import { openStored } from "../project/place.ts";
import { nothingPushed, openToPull } from "../publishing/remotes/destination.ts";
import { pull } from "../publishing/remotes/pull.ts";
import type { Moved } from "../publishing/remotes/push.ts";
import { type ShelvedRun, shelvedRun, shelvedRuns } from "../publishing/remotes/pushed-runs.ts";
import type { RemoteStore } from "../publishing/remotes/remote-store.ts";
import { RunNotFound } from "../runs/finished-runs.ts";
import { type Act, exit } from "../util/context.ts";
import { endOf, movedText } from "./push.ts";

/** `exp pull DEST [RUN...]`: takes runs from where they were pushed to, each file checked by its digest; without RUN says what there is. */
export const command: Act = async ([given, names], { json }, context) => {
  const destination = given as string;
  const project = openStored(context.cwd, context, "write");
  try {
    const shelf = await openToPull(destination, context);
    const there = await shelvedRuns(shelf);
    if (there.length === 0) throw nothingPushed(destination);
    if ((names as string[]).length === 0) {
      context.out(
        json === true ? `${JSON.stringify({ destination, runs: there }, null, 1)}\n` : `${there.join("\n")}\n`,
      );
      return exit.done;
    }
    const wanted: ShelvedRun[] = [];
    for (const name of names as string[]) wanted.push(await find(shelf, name, there));
    const moved: Moved[] = [];
    for (const run of wanted) moved.push(await pull(shelf, run, project));
    context.out(movedText({ destination, moved, json: json === true, verb: "pulled" }));
    return exit.done;
  } catch (error) {
    return endOf("pull", error, context);
  } finally {
    project.store.close();
  }
};

/** The run that is meant by an experiment's name (its latest), by a run's name, or by the last digits of one. Throws RunNotFound. */
async function find(shelf: RemoteStore, name: string, there: readonly string[]): Promise<ShelvedRun> {
  const ofExperiment = there.filter((one) => one.startsWith(`${name}/`));
  if (ofExperiment.length > 0) {
    const runs: ShelvedRun[] = [];
    for (const one of ofExperiment) runs.push(await shelvedRun(shelf, one));
    return runs.reduce((latest, run) => (run.manifest.created > latest.manifest.created ? run : latest));
  }
  const found = there.filter((one) => {
    const run = one.slice(one.indexOf("/") + 1);
    return one === name || run === name || (name.length >= 4 && one.endsWith(name));
  });
  if (found.length === 1) return shelvedRun(shelf, found[0] as string);
  const which = found.length > 1 ? `names ${found.length} runs: ${found.join(", ")}` : `is none of ${there.join(", ")}`;
  throw new RunNotFound(`"${name}" ${which}`);
}
