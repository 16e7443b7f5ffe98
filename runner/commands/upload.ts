import { relative } from "node:path";
import { openProject } from "../project/project.ts";
import { requireTrust, uploadPrivileges } from "../project/trust.ts";
import { eventOf, exitOf, type UploadResult, uploadRun, uploadUndeclared } from "../publishing/upload-run.ts";
import { findRun, runLabel } from "../runs/finished-runs.ts";
import { foreignOrigin } from "../runs/run-origin.ts";
import { uploadText } from "../terminal/upload.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, required } from "./command.ts";
import { json, trust } from "./common-options.ts";

/** Sends only what the repository lacks. Exits with 3 if a check fails. */
export const command = defineCommand({
  arguments: { run: required("run", "A finished run.") },
  options: {
    dryRun: flag(
      "Print the model card, the list of files and the failed checks. Send nothing. Needs neither a token nor a network.",
    ),
    trust,
    json,
  },
  async run({ run: name, dryRun, trust, json }, context) {
    const project = await openProject(context.cwd, context, "read");
    try {
      const run = findRun(name, project.artifacts, context.cwd);
      const undeclared = uploadUndeclared(run);
      if (undeclared !== undefined && !dryRun) {
        const { code, message, help } = undeclared;
        throw new UserError(code, message, { help, status: "invalid" });
      }
      const origin = dryRun ? undefined : foreignOrigin(run, project.artifacts);
      if (origin !== undefined) {
        const privileges = uploadPrivileges(run.manifest.config);
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
        if (dryRun) context.out(listing(result));
        if (result.unchecked.length > 0)
          context.out(`Not checked without a token and the hub: ${result.unchecked.join(", ")}\n`);
        if (result.reasons.length > 0) context.err(`exp upload: ${uploadText(eventOf(result))}`);
        else context.out(uploadText(eventOf(result)));
      }
      const record = results.findLast((result) => result.record !== null)?.record;
      if (record) context.out(`recorded in ${relative(context.cwd, record)}\n`);
      return exitOf(results);
    } finally {
      project.store.close();
    }
  },
});

/** JSON of an upload. A dry run includes the card. */
function jsonOf({ card, ...result }: UploadResult, dryRun: boolean): object {
  return dryRun ? { ...result, card } : result;
}

function listing({ card, files }: UploadResult): string {
  const rows = files.map(
    ({ path, size, sent }) => `  ${sent ? "send" : "keep"}  ${String(size).padStart(12)}  ${path}\n`,
  );
  return `${card === null ? "" : `README.md:\n\n${card}\n`}${rows.join("")}`;
}
