import type { UploadEvent } from "../execution/event.ts";

/** An upload's end as one line or, where there was none, a line for each reason and one for what to do about it. */
export function uploadText(event: UploadEvent): string {
  const { status, run, repo, url, commit, files, sent, bytes, reasons } = event;
  const where = `${url}${event.private ? " (private)" : ""}`;
  if (status === "unchanged") return `${repo}: nothing has changed: ${where}\n`;
  if (status === "uploaded") return `${repo}: ${sent} of ${files} files sent: ${where}, commit ${commit}\n`;
  if (status === "would-upload") {
    return `${repo}: ${sent} of ${files} files (${(bytes / 1e6).toFixed(1)} MB) would be sent: ${where}\n`;
  }
  const verdict = status === "refused" ? "is not uploaded" : "could not be uploaded";
  const why = reasons.map(({ code, message, help }) => `  ${message} [${code}]\n    help: ${help}\n`);
  return `run ${run} ${verdict} to ${repo}:\n${why.join("")}`;
}
