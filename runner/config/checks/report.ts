import { engines } from "../../plugins/engines/registry.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** What stands beside the experiment: notes, upload, machine. */
export function checkReport(context: CheckContext): void {
  const { generate, report, train, upload } = context.experiment;
  if (report.notes !== undefined) needFile(context, "report.notes", report.notes);
  if (upload !== undefined && (train === undefined || engines.find(generate.engine)?.recorded !== undefined)) {
    const message =
      train === undefined
        ? "there is no train:, and only a trained model is uploaded"
        : "replayed answers train no model";
    context.warning("upload:", "unused-key", message, "leave the key out");
  }
}
