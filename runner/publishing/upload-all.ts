import type { Event } from "../execution/event.ts";
import type { PlannedRun } from "../pipeline/plan/plan.ts";
import type { Project } from "../project/project.ts";
import { type FinishedRun, findRun } from "../runs/finished-runs.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";

type UploadAllContext = {
  readonly project: Project;
  readonly context: Context;
  readonly options: { readonly json?: boolean; readonly quiet?: boolean };
};

/**
 * Uploads sealed runs whose experiments have an upload section. Returns the exit code. Runs of a sweep are not uploaded: the
 * user chooses one of them.
 */
export async function uploadAll(
  sealedRuns: readonly { readonly run: PlannedRun; readonly manifest: string }[],
  { project, context, options }: UploadAllContext,
): Promise<number> {
  if (sealedRuns.length === 0 || context.stop.aborted) return exit.done;
  // An upload reports lines, without the live view of steps.
  const wanted = { json: options.json === true, quiet: options.quiet === true };
  const reporter = chooseReporter(wanted, { ...context, tty: false });
  const emit = (event: Event): void => reporter.event(event);
  const swept = sealedRuns.filter(({ run }) => run.coordinates !== "");
  if (swept.length > 0) {
    const message = `${plural(swept.length, "run")} of a sweep not uploaded. Upload one with exp upload RUN`;
    emit({ type: "note", level: "info", message });
  }
  const codes: number[] = [];
  for (const { run, manifest } of sealedRuns) {
    if (run.coordinates !== "") continue;
    const finished = findRun(manifest, project.artifacts, context.cwd);
    codes.push(await uploadOne(finished, emit, { project, context, options }));
  }
  await reporter.close();
  return codes.find((code) => code === exit.failed) ?? codes.find((code) => code !== exit.done) ?? exit.done;
}

async function uploadOne(
  run: FinishedRun,
  emit: (event: Event) => void,
  { project, context }: UploadAllContext,
): Promise<number> {
  // Loaded here: the hub's library is slow to load.
  const { eventOf, exitOf, uploadRun } = await import("./upload-run.ts");
  const notify = (message: string): void => emit({ type: "note", level: "info", message });
  try {
    const results = await uploadRun(run, { dryRun: false, notify }, { project, context });
    for (const result of results) emit(eventOf(result));
    return exitOf(results);
  } catch (error) {
    if (!context.stop.aborted) throw error;
    const message = `the upload was interrupted. exp upload ${run.manifest.run} sends the missing files`;
    emit({ type: "note", level: "warning", message });
    return exit.interrupted;
  }
}
