import { relative } from "node:path";
import { openProject } from "../project/project.ts";
import { requireTrust, uploadPrivileges } from "../project/trust.ts";
import { eventOf, exitOf, type UploadResult, uploadRun } from "../publishing/upload-run.ts";
import { type FinishedRun, findRun, runLabel } from "../runs/finished-runs.ts";
import { foreignOrigin } from "../runs/run-origin.ts";
import { uploadText } from "../terminal/upload.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, required } from "./command.ts";
import { json, trust } from "./common-options.ts";

/** Sends only what the repository lacks. Exits with 3 if a check fails. */
export const command = defineCommand({
  arguments: { run: required("run", "A finished run.") },
  options: { dryRun: flag("Print the model card and the list of files. Send nothing."), trust, json },
  async run({ run: name, dryRun, trust, json }, context) {
    const project = await openProject(context.cwd, context, "read");
    try {
      const run = findRun(name, project.artifacts, context.cwd);
      if (run.manifest.config.upload === undefined) throw notForUpload(run);
      const origin = dryRun ? undefined : foreignOrigin(run, project.artifacts);
      if (origin !== undefined) {
        const privileges = uploadPrivileges(run.manifest.config.upload);
        requireTrust({ name: runLabel(run), origin, root: project.root, privileges }, trust, context);
      }
      const notify = (message: string): void => {
        if (!json) context.out(`${message}\n`);
      };
      const results = await uploadRun(run, { dryRun, notify }, { project, context });
      const [model, predictions] = results;
      if (json) {
        const both = { ...jsonOf(model, dryRun), ...(predictions ? { predictions: jsonOf(predictions, dryRun) } : {}) };
        context.out(`${JSON.stringify(both, null, 1)}\n`);
        return exitOf(results);
      }
      for (const result of results) {
        if (result.reasons.length > 0) context.err(`exp upload: ${uploadText(eventOf(result))}`);
        else context.out(`${dryRun ? listing(result) : ""}${uploadText(eventOf(result))}`);
      }
      const record = results.findLast((result) => result.record !== null)?.record;
      if (record) context.out(`recorded in ${relative(context.cwd, record)}\n`);
      return exitOf(results);
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
function jsonOf({ card, ...result }: UploadResult, dryRun: boolean): object {
  return dryRun ? { ...result, card } : result;
}

function listing({ card, files }: UploadResult): string {
  const rows = files.map(
    ({ path, size, sent }) => `  ${sent ? "send" : "keep"}  ${String(size).padStart(12)}  ${path}\n`,
  );
  return `README.md:\n\n${card ?? ""}\n${rows.join("")}`;
}
