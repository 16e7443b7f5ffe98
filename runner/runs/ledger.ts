import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { makeFolderDurably } from "../util/fsync.ts";
import { namesIn } from "../util/names-in.ts";
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
  makeFolderDurably(folder);
  const path = join(folder, `${at.replaceAll(":", "-")}-${record.key.slice(0, 8)}.json`);
  writeFileAtomic(path, `${JSON.stringify(evaluation)}\n`, { flush: true });
}

/** Entries of the ledger. `torn` has the paths of entries that cannot be read: they count as no evaluation. */
export type LedgerEntries = { readonly evaluations: readonly TestEvaluation[]; readonly torn: readonly string[] };

/** The test evaluations of a test file, by its sha256, oldest first. */
function testEvaluations(artifacts: string, test: string): LedgerEntries {
  return entriesIn(ledgerFolder(artifacts, test));
}

/** Every entry of a project's ledger. */
export function ledgerEntries(artifacts: string): LedgerEntries {
  const folder = join(artifacts, "ledger");
  const all = namesIn(folder)
    .toSorted()
    .map((name) => entriesIn(join(folder, name)));
  return { evaluations: all.flatMap(({ evaluations }) => evaluations), torn: all.flatMap(({ torn }) => torn) };
}

function entriesIn(folder: string): LedgerEntries {
  const evaluations: TestEvaluation[] = [];
  const torn: string[] = [];
  for (const name of namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()) {
    const path = join(folder, name);
    const entry = readEntry(path);
    if (entry === undefined || entry.test.slice(0, 16) !== basename(folder)) torn.push(path);
    else evaluations.push(entry);
  }
  return { evaluations, torn };
}

function readEntry(path: string): TestEvaluation | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<TestEvaluation> | null;
    const isWhole =
      value?.schema === 1 &&
      [value.at, value.test, value.step, value.responses].every((text) => typeof text === "string") &&
      Array.isArray(value.experiments);
    return isWhole ? (value as TestEvaluation) : undefined;
  } catch {
    return undefined;
  }
}

/** Number of test evaluations of a run's test file so far; null if the run is scored on validation rows. */
export function testEvaluationCount(run: Pick<FinishedRun, "manifest">, artifacts: string): number | null {
  const test = testFileOf(run);
  return test === undefined ? null : testEvaluations(artifacts, test.sha256).evaluations.length;
}

/** A warning about entries of the ledger that cannot be read, for runs whose count of test evaluations is printed. */
export function tornLedgerWarning(
  runs: readonly Pick<FinishedRun, "manifest">[],
  artifacts: string,
): string | undefined {
  const tests = new Set(runs.flatMap((run) => testFileOf(run)?.sha256 ?? []));
  const torn = [...tests].flatMap((test) => testEvaluations(artifacts, test).torn);
  if (torn.length === 0) return undefined;
  return `entries of the ledger cannot be read and are not counted: ${torn.join(", ")}. Restore them from a backup, or delete them`;
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
