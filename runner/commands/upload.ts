import { relative } from "node:path";
import { openProject } from "../project/project.ts";
import { type Ending, eventOf, exitOf, publishRun } from "../publishing/upload-run.ts";
import { type FinishedRun, findRun } from "../runs/finished-runs.ts";
import { uploadText } from "../terminal/upload.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, required } from "./command.ts";
import { json } from "./common-options.ts";

/** Sends only what the repository lacks. Exits with 3 if a check fails. */
export const command = defineCommand({
  arguments: { run: required("run", "A finished run.") },
  options: { dryRun: flag("Print the model card and the list of files. Send nothing."), json },
  async run({ run: name, dryRun, json }, context) {
    const project = await openProject(context.cwd, context, "read");
    try {
      const run = findRun(name, project.artifacts, context.cwd);
      if (run.manifest.config.upload === undefined) throw notForUpload(run);
      const tell = (message: string): void => {
        if (!json) context.out(`${message}\n`);
      };
      const endings = await publishRun(run, { dryRun, tell }, { project, context });
      const [model, predictions] = endings;
      if (json) {
        const both = { ...jsonOf(model, dryRun), ...(predictions ? { predictions: jsonOf(predictions, dryRun) } : {}) };
        context.out(`${JSON.stringify(both, null, 1)}\n`);
        return exitOf(endings);
      }
      for (const ending of endings) {
        if (ending.reasons.length > 0) context.err(`exp upload: ${uploadText(eventOf(ending))}`);
        else context.out(`${dryRun ? listing(ending) : ""}${uploadText(eventOf(ending))}`);
      }
      const record = endings.findLast((ending) => ending.record !== null)?.record;
      if (record) context.out(`recorded in ${relative(context.cwd, record)}\n`);
      return exitOf(endings);
    } finally {
      project.store.close();
    }
  },
});

function notForUpload({ manifest: { experiment, run, file, smoke } }: FinishedRun): UserError {
  const reason = smoke ? "it is a smoke run, whose metrics have no meaning" : `${file} has no upload section`;
  return new UserError("no-upload", `cannot upload ${experiment} ${run}: ${reason}`, {
    help: smoke
      ? "run the experiment without --smoke"
      : "add upload: {repo: owner/name, base_license: …} and run it again: every step is cached",
    status: "invalid",
  });
}

/** JSON of an upload. A dry run includes the card. */
function jsonOf({ card, ...ending }: Ending, dryRun: boolean): object {
  return dryRun ? { ...ending, card } : ending;
}

function listing({ card, files }: Ending): string {
  const rows = files.map(
    ({ path, size, sent }) => `  ${sent ? "send" : "keep"}  ${String(size).padStart(12)}  ${path}\n`,
  );
  return `README.md:\n\n${card ?? ""}\n${rows.join("")}`;
}
