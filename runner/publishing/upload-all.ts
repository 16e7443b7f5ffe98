import type { Event } from "../execution/event.ts";
import type { PlannedRun } from "../pipeline/plan/plan.ts";
import type { Project } from "../project/project.ts";
import { type FinishedRun, findRun } from "../runs/finished-runs.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";

type Uploading = {
  readonly project: Project;
  readonly context: Context;
  readonly options: { readonly json?: boolean; readonly quiet?: boolean };
};

/**
 * Uploads sealed runs whose experiments ask for it, and gives the exit code. A sweep uploads nothing by itself: which of its
 * runs is worth it is for its author to say.
 */
export async function uploadAll(
  asking: readonly { readonly run: PlannedRun; readonly manifest: string }[],
  { project, context, options }: Uploading,
): Promise<number> {
  if (asking.length === 0 || context.stop.aborted) return exit.done;
  // Steps have had the live view; an upload is told in lines.
  const wanted = { json: options.json === true, quiet: options.quiet === true };
  const reporter = chooseReporter(wanted, { ...context, tty: false });
  const emit = (event: Event): void => reporter.event(event);
  const swept = asking.filter(({ run }) => run.coordinates !== "");
  if (swept.length > 0) {
    const message = `${plural(swept.length, "run")} of a sweep asked for an upload, and none is uploaded: exp upload RUN`;
    emit({ type: "note", level: "info", message });
  }
  const codes: number[] = [];
  for (const { run, manifest } of asking) {
    if (run.coordinates !== "") continue;
    const sealed = findRun(manifest, project.artifacts, context.cwd);
    codes.push(await uploadOne(sealed, emit, { project, context, options }));
  }
  await reporter.close();
  return codes.find((code) => code === exit.failed) ?? codes.find((code) => code !== exit.done) ?? exit.done;
}

async function uploadOne(
  run: FinishedRun,
  emit: (event: Event) => void,
  { project, context }: Uploading,
): Promise<number> {
  // The hub's library is read only where something is uploaded.
  const { eventOf, exitOf, publishRun } = await import("./upload-run.ts");
  const tell = (message: string): void => emit({ type: "note", level: "info", message });
  try {
    const endings = await publishRun(run, { dryRun: false, tell }, { project, context });
    for (const ending of endings) emit(eventOf(ending));
    return exitOf(endings);
  } catch (error) {
    if (!context.stop.aborted) throw error;
    const message = `the upload was interrupted; exp upload ${run.manifest.run} goes on with what is not there yet`;
    emit({ type: "note", level: "warning", message });
    return exit.interrupted;
  }
}
