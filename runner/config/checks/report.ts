import { engines } from "../../plugins/engines/registry.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";

/** Checks the notes file, the statements about the data, and that an upload has a trained model. */
export function checkReport(context: CheckContext): void {
  const { data, generate, report, train, upload } = context.experiment;
  if (data.origin?.kind === "private" && data.origin.publish === true) {
    context.error("data.origin.publish", "private-data", "private data are not published", "remove the key");
  }
  if (report.final === true && report.notes === undefined) {
    context.warning(
      "report.final",
      "no-notes",
      "a final report without author notes has no title, authors and discussion",
      "set report.notes to a Markdown file",
    );
  }
  if (report.notes !== undefined) needFile(context, "report.notes", report.notes, "notes file");
  if (upload !== undefined && (train === undefined || engines.find(generate.engine)?.recorded !== undefined)) {
    const message =
      train === undefined
        ? "only a trained model is uploaded, and the experiment has no train section"
        : "only a trained model is uploaded, and replayed answers have none";
    context.warning("upload:", "unused-key", message, "remove the key");
  }
}
