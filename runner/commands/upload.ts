import { relative } from "node:path";
import { openProject } from "../project/project.ts";
import { type Ending, eventOf, exitOf, publishRun } from "../publishing/upload-run.ts";
import { findRun, RunNotFound } from "../runs/finished-runs.ts";
import { uploadText } from "../terminal/upload.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp upload RUN`: the publish gate, then what the repository on the hub lacks of the run's model. Safe to repeat. */
export const command: Act = async ([name], options, context) => {
  const project = await openProject(context.cwd, context, "read");
  const json = options.json === true;
  const dryRun = options.dryRun === true;
  try {
    const run = findRun(name as string, project.artifacts, context.cwd);
    if (run.manifest.config.upload === undefined) {
      const { file, smoke } = run.manifest;
      const why = smoke ? "it is a smoke run, whose numbers mean nothing" : `${file} has no upload:`;
      context.err(`exp upload: ${run.manifest.experiment} ${run.manifest.run} is not to be uploaded: ${why}\n`);
      if (!smoke)
        context.err("  help: add upload: {repo: owner/name, base_license: …} and run it again: all is cached\n");
      return exit.invalid;
    }
    const tell = (message: string): void => {
      if (!json) context.out(`${message}\n`);
    };
    const endings = await publishRun(run, { dryRun, tell }, { project, context });
    const [model, predictions] = endings;
    if (json) {
      const both = { ...told(model, dryRun), ...(predictions ? { predictions: told(predictions, dryRun) } : {}) };
      context.out(`${JSON.stringify(both, null, 1)}\n`);
      return exitOf(endings);
    }
    for (const ending of endings) {
      if (ending.reasons.length > 0) context.err(`exp upload: ${uploadText(eventOf(ending))}`);
      else context.out(`${dryRun ? listing(ending) : ""}${uploadText(eventOf(ending))}`);
    }
    const record = endings.findLast((ending) => ending.record !== null)?.record;
    if (record) context.out(`written down in ${relative(context.cwd, record)}\n`);
    return exitOf(endings);
  } catch (error) {
    if (context.stop.aborted) {
      context.err("exp upload: interrupted; what has arrived is not sent again\n");
      return exit.interrupted;
    }
    if (!(error instanceof RunNotFound)) throw error;
    context.err(`exp upload: ${error.message}\n`);
    return exit.invalid;
  } finally {
    project.store.close();
  }
};

/** The card is shown where nothing is sent: what would be published is there to be read. */
function told({ card, ...ending }: Ending, dryRun: boolean): object {
  return dryRun ? { ...ending, card } : ending;
}

function listing({ card, files }: Ending): string {
  const rows = files.map(
    ({ path, size, sent }) => `  ${sent ? "send" : "keep"}  ${String(size).padStart(12)}  ${path}\n`,
  );
  return `README.md:\n\n${card ?? ""}\n${rows.join("")}`;
}
