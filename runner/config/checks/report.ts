import { engines } from "../../plugins/engines/registry.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** Checks the notes file, and that an upload has a trained model. */
export function checkReport(context: CheckContext): void {
  const { generate, report, train, upload } = context.experiment;
  if (report.notes !== undefined) needFile(context, "report.notes", report.notes, "notes file");
  if (upload !== undefined && (train === undefined || engines.find(generate.engine)?.recorded !== undefined)) {
    const message =
      train === undefined
        ? "only a trained model is uploaded, and the experiment has no train section"
        : "only a trained model is uploaded, and replayed answers have none";
    context.warning("upload:", "unused-key", message, "remove the key");
  }
}
