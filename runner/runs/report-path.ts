import { join } from "node:path";
import { canonicalJson, sha256 } from "../util/canonical.ts";

/** The path of the PDF report of runs, if the user does not name one. */
export function reportOf(
  artifacts: string,
  runs: readonly { readonly experiment: string; readonly run: string }[],
): string {
  const digits = sha256(canonicalJson(runs.map(({ experiment, run }) => [experiment, run]))).slice(0, 8);
  const name = runs.length === 1 ? `${runs[0]?.experiment}-${runs[0]?.run}` : `${runs.length}-runs-${digits}`;
  return join(artifacts, "reports", name, "report.pdf");
}
