import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** A test evaluation: one scoring of a test file. */
export type TestEvaluation = {
  readonly schema: 1;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** sha256 of the test file. */
  readonly test: string;
  readonly experiments: readonly string[];
  readonly step: string;
  /** sha256 of the responses that were scored. */
  readonly responses: string;
};

const ledgerFolder = (artifacts: string, test: string): string => join(artifacts, "ledger", test.slice(0, 16));

/**
 * Records a test evaluation in the ledger, one small file each. The ledger is part of no cache key. A cache hit is no new
 * evaluation. Ignores steps that do not score test rows.
 */
export function recordTestEvaluation(
  artifacts: string,
  step: PlannedStep,
  record: StoreRecord,
  experiments: readonly string[],
): void {
  const rows = step.upstream.rows;
  const test = rows?.step.sourceDigests["data.test.file"];
  if (step.kind.name !== "evaluate" || rows?.file !== "test.jsonl" || test === undefined) return;
  const at = new Date().toISOString();
  const responses = record.ingredients.inputs.responses ?? "";
  const evaluation: TestEvaluation = { schema: 1, at, test, experiments, step: step.id, responses };
  const folder = ledgerFolder(artifacts, test);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${at.replaceAll(":", "-")}-${record.key.slice(0, 8)}.json`);
  writeFileAtomic(path, `${JSON.stringify(evaluation)}\n`);
}

/** The test evaluations of a test file, by its sha256, oldest first. */
function testEvaluations(artifacts: string, test: string): readonly TestEvaluation[] {
  const folder = ledgerFolder(artifacts, test);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as TestEvaluation);
}

/** Number of test evaluations of a run's test file so far; null if the run is scored on validation rows. */
export function testEvaluationCount(run: Pick<FinishedRun, "manifest">, artifacts: string): number | null {
  const test = testFileOf(run);
  return test === undefined ? null : testEvaluations(artifacts, test.sha256).length;
}

/** The test file that a run is scored on; undefined if it is scored on validation rows. */
export function testFileOf({
  manifest,
}: Pick<FinishedRun, "manifest">): { readonly path: string; readonly sha256: string } | undefined {
  const { data, evaluate } = manifest.config;
  const path = data.test?.file;
  const sha256 = path === undefined ? undefined : manifest.provenance.sources[path];
  return evaluate.split !== "test" || path === undefined || sha256 === undefined ? undefined : { path, sha256 };
}
