import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { Manifest } from "../runs/manifest.ts";
import { outputFolder } from "../runs/run-folder.ts";
import { type TrackedRun, trackedRuns } from "../runs/trackers.ts";
import { shellWord } from "../util/shell.ts";

/**
 * How to look at a tracker's folder. Programs that write into the folder they read get a copy: the store is not
 * changed.
 */
const commands: Readonly<Record<string, (folder: string, latest: string) => string>> = {
  tensorboard: (folder) => `tensorboard --logdir ${folder}`,
  wandb: (_folder, latest) => `wandb sync --no-mark-synced ${latest}`,
  mlflow: (folder) =>
    `cp -rL ${folder} mlflow && MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri "$PWD/mlflow"`,
  trackio: (folder) => `cp -rL ${folder} trackio && TRACKIO_DIR="$PWD/trackio" trackio show --project exp`,
};

/**
 * The runs of a finished run's trainings in trackers, each with the command that shows it. `dir` is the run's folder.
 */
export function trackersText(manifest: Pick<Manifest, "steps">, dir: string, cwd: string): string {
  const lines = trackedRuns(manifest).flatMap((tracked) => {
    const command = commandOf(tracked, dir, cwd);
    const { step, tracker, run, id } = tracked;
    const name = [run ?? [], id === undefined ? [] : `(${id})`].flat().join(" ");
    const where = `${tracker}${name === "" ? "" : ` ${name}`}, ${step}`;
    return command === undefined ? [] : [`${where}:\n  ${command}\n`];
  });
  return lines.length === 0 ? "" : `\nTrackers\n${lines.join("")}`;
}

/** Undefined for a tracker that exp does not know, and for outputs that are not on this machine. */
function commandOf({ step, tracker, folder }: TrackedRun, dir: string, cwd: string): string | undefined {
  const outputs = join(dir, outputFolder(step));
  const [all, latest] = [join(outputs, tracker), join(outputs, folder ?? tracker)];
  if (!Object.hasOwn(commands, tracker) || !existsSync(all)) return undefined;
  const word = (path: string): string => shellWord(relative(cwd, path) || ".");
  return commands[tracker]?.(word(all), word(latest));
}
