import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** One scoring of a test file: what was looked at, when, and by which answers. */
export type Look = {
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

const folder = (artifacts: string, test: string): string => join(artifacts, "ledger", test.slice(0, 16));

/**
 * Writes down that a test file was scored: one small file an event, outside all keys. Only a scoring that was carried out is
 * one; what comes from the cache has been looked at before. Steps that do not score test rows are let by.
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
  const look: Look = { schema: 1, at, test, experiments, step: step.id, responses };
  const into = folder(artifacts, test);
  mkdirSync(into, { recursive: true });
  const path = join(into, `${at.replaceAll(":", "-")}-${record.key.slice(0, 8)}.json`);
  writeFileAtomic(path, `${JSON.stringify(look)}\n`);
}

/** Every scoring of a test file, by its sha256, oldest first. */
function looksAt(artifacts: string, test: string): readonly Look[] {
  const own = folder(artifacts, test);
  let names: readonly string[];
  try {
    names = readdirSync(own);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(own, name), "utf8")) as Look);
}

/** How often the test file of a run was scored so far; null where the run was scored on validation rows. */
export function looksOf(run: Pick<FinishedRun, "manifest">, artifacts: string): number | null {
  const test = testFileOf(run);
  return test === undefined ? null : looksAt(artifacts, test.sha256).length;
}

/** The test file that a run was scored on; undefined where it was scored on validation rows. */
export function testFileOf({
  manifest,
}: Pick<FinishedRun, "manifest">): { readonly path: string; readonly sha256: string } | undefined {
  const { data, evaluate } = manifest.config;
  const path = data.test?.file;
  const sha256 = path === undefined ? undefined : manifest.provenance.sources[path];
  return evaluate.split !== "test" || path === undefined || sha256 === undefined ? undefined : { path, sha256 };
}
