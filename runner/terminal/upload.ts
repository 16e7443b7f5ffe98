import type { UploadEvent } from "../execution/event.ts";

/** The result of an upload: one line, or for a failed upload each reason with its help. */
export function uploadText(event: UploadEvent): string {
  const { status, run, repo, url, commit, files, sent, bytes, reasons } = event;
  const where = `${url}${event.private ? " (private)" : ""}`;
  if (status === "unchanged") return `${repo}: unchanged, nothing uploaded: ${where}\n`;
  if (status === "uploaded") return `${repo}: uploaded ${sent} of ${files} files: ${where}, commit ${commit}\n`;
  if (status === "would-upload") {
    return `${repo}: ${sent} of ${files} files (${(bytes / 1e6).toFixed(1)} MB) would be uploaded: ${where}\n`;
  }
  const verdict = status === "refused" ? "refused" : "failed";
  const why = reasons.map(({ code, message, help }) => `  ${message} [${code}]\n    help: ${help}\n`);
  return `Upload of run ${run} to ${repo} ${verdict}:\n${why.join("")}`;
}
