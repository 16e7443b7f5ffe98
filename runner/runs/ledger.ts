import { basename, join } from "node:path";
import type { CaseSet } from "../evaluation/case-set.ts";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { datasetOf, filesOf, partText, testPart } from "../plugins/data-part.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";
import { makeFolderDurably } from "../util/fsync.ts";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** A scoring of test cases that was executed. */
export type TestEvaluation = {
  readonly schema: 2;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Digests of the runs that the scoring is part of, or of the predictions that `exp score` read. */
  readonly looks: readonly string[];
  readonly experiments: readonly string[];
  readonly step: string;
  /** sha256 of the answers that were scored. */
  readonly responses: string;
} & CaseSet;

const ledgerFolder = (artifacts: string, digest: string): string => join(artifacts, "ledger", digest.slice(0, 16));

/** The folder of an entry is named by the texts of its cases; by their gold targets if the texts are unknown. */
const folderOf = ({ texts, gold }: CaseSet): string => (texts ?? gold).slice(0, 16);

/**
 * Records a test evaluation of a run in the ledger, one small file each. The ledger is part of no cache key. A cache
 * hit is no new evaluation. Ignores steps that do not score test rows.
 */
export function recordTestEvaluation(
  artifacts: string,
  step: PlannedStep,
  record: StoreRecord,
  runs: readonly PlannedRun[],
): void {
  const cases = caseSetIn(record.evidence);
  if (step.kind.name !== "evaluate" || step.upstream.rows?.file !== "test.jsonl" || cases === undefined) return;
  write(artifacts, {
    ...cases,
    looks: runs.map(lookOf),
    experiments: [...new Set(runs.map(({ experiment }) => experiment))],
    step: step.id,
    responses: record.ingredients.inputs.responses ?? "",
  });
}

/** Identifies a run before its steps are executed: all arms of a run are one look at the test cases. */
function lookOf({ experiment, coordinates, steps }: PlannedRun): string {
  return sha256(JSON.stringify([experiment, coordinates, ...[...steps.values()].map(({ stepId }) => stepId).sort()]));
}

/**
 * Records that predictions were scored with their gold targets outside a run. `responses` is the digest of the
 * predictions: the same ones are recorded once. Returns the number of evaluations of these cases.
 */
export function recordScoring(artifacts: string, { gold }: CaseSet, responses: string): number {
  const { evaluations } = ledgerEntries(artifacts);
  const cases = { texts: evaluations.find((one) => one.gold === gold && one.texts !== null)?.texts ?? null, gold };
  const isKnown = evaluations.some((one) => one.gold === gold && one.looks.includes(responses));
  if (!isKnown) write(artifacts, { ...cases, looks: [responses], experiments: [], step: "score", responses });
  return looksIn(evaluationsOf(artifacts, cases).evaluations);
}

function write(artifacts: string, entry: Omit<TestEvaluation, "schema" | "at">): void {
  const at = new Date().toISOString();
  const evaluation: TestEvaluation = { schema: 2, at, ...entry };
  const folder = join(artifacts, "ledger", folderOf(entry));
  makeFolderDurably(folder);
  const name = sha256(JSON.stringify(evaluation)).slice(0, 8);
  writeFileAtomic(join(folder, `${at.replaceAll(":", "-")}-${name}.json`), `${JSON.stringify(evaluation)}\n`, {
    flush: true,
  });
}

/**
 * Number of looks at the cases: one for each run, whatever the number of its arms, and one more each time that a step
 * of it scores other answers.
 */
function looksIn(evaluations: readonly TestEvaluation[]): number {
  const answers = new Map<string, Map<string, Set<string>>>();
  for (const { looks, step, responses } of evaluations) {
    for (const look of looks) {
      const steps = answers.get(look) ?? new Map<string, Set<string>>();
      answers.set(look, steps.set(step, (steps.get(step) ?? new Set()).add(responses)));
    }
  }
  return [...answers.values()].reduce(
    (sum, steps) => sum + Math.max(...[...steps.values()].map(({ size }) => size)),
    0,
  );
}

/** Entries of the ledger. `torn` has the paths of entries that cannot be read: they count as no evaluation. */
export type LedgerEntries = { readonly evaluations: readonly TestEvaluation[]; readonly torn: readonly string[] };

/** The evaluations of the same cases: equal ids and texts, or equal ids and gold targets. */
function evaluationsOf(artifacts: string, { texts, gold }: CaseSet): LedgerEntries {
  const found = [...new Set([texts, gold].filter((digest) => digest !== null))].map((digest) =>
    entriesIn(ledgerFolder(artifacts, digest)),
  );
  return {
    evaluations: found
      .flatMap(({ evaluations }) => evaluations)
      .filter((one) => one.gold === gold || (texts !== null && one.texts === texts)),
    torn: found.flatMap(({ torn }) => torn),
  };
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
    if (entry === "earlier") continue;
    if (entry === undefined || folderOf(entry) !== basename(folder)) torn.push(path);
    else evaluations.push(entry);
  }
  return { evaluations, torn };
}

/** An entry; "earlier" if an earlier version wrote it, which named the file and not its cases. */
function readEntry(path: string): TestEvaluation | "earlier" | undefined {
  try {
    const value = JSON.parse(readOwnFile(path)) as Partial<TestEvaluation> | null;
    if (value !== null && (value.schema as unknown) === 1 && "test" in value) return "earlier";
    const isWhole =
      value?.schema === 2 &&
      [value.at, value.gold, value.step, value.responses].every((text) => typeof text === "string") &&
      (value.texts === null || typeof value.texts === "string") &&
      [value.experiments, value.looks].every(
        (list) => Array.isArray(list) && list.every((item) => typeof item === "string"),
      );
    return isWhole ? (value as TestEvaluation) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Number of test evaluations of a run's test cases so far; null if the run is scored on validation rows, or if this project
 * has no record of an evaluation, as for a run of an exported folder.
 */
export function testEvaluationCount(run: Pick<FinishedRun, "manifest">, artifacts: string): number | null {
  const cases = testCasesOf(run);
  const count = cases === undefined ? 0 : looksIn(evaluationsOf(artifacts, cases).evaluations);
  return count === 0 ? null : count;
}

/** A warning about entries of the ledger that cannot be read, for runs whose count of test evaluations is printed. */
export function tornLedgerWarning(
  runs: readonly Pick<FinishedRun, "manifest">[],
  artifacts: string,
): string | undefined {
  const torn = new Set(
    runs.flatMap((run) => {
      const cases = testCasesOf(run);
      return cases === undefined ? [] : evaluationsOf(artifacts, cases).torn;
    }),
  );
  if (torn.size === 0) return undefined;
  return `entries of the ledger cannot be read and are not counted: ${[...torn].join(", ")}. Restore them from a backup, or delete them`;
}

/** The test cases that a run is scored on; undefined if it is scored on validation rows. */
function testCasesOf({ manifest: { config, steps } }: Pick<FinishedRun, "manifest">): CaseSet | undefined {
  if (config.evaluate.split !== "test") return undefined;
  for (const { kind, evidence } of Object.values(steps)) {
    const cases = kind === "evaluate" ? caseSetIn(evidence) : undefined;
    if (cases !== undefined) return cases;
  }
  return undefined;
}

/** The cases that a step recorded as evidence. */
function caseSetIn({ case_texts: texts, case_gold: gold }: StoreRecord["evidence"]): CaseSet | undefined {
  return typeof gold === "string" && typeof texts === "string" ? { texts, gold } : undefined;
}

/**
 * The files that the test rows of a run are from, as one text, and a digest of their content; undefined if it is scored on
 * validation rows.
 */
export function testFileOf({
  manifest,
}: Pick<FinishedRun, "manifest">): { readonly path: string; readonly sha256: string } | undefined {
  const { data, evaluate } = manifest.config;
  const part = testPart(data);
  const digests = filesOf(part).map((file) => manifest.provenance.sources[file]);
  const path = partText(part);
  const dataset = datasetOf(part);
  // A commit and names in it determine the content.
  if (dataset !== undefined) digests.push(sha256(canonicalJson(dataset as unknown as Json)));
  if (evaluate.split !== "test" || path === undefined || digests.includes(undefined)) return undefined;
  return { path, sha256: digests.length === 1 ? (digests[0] as string) : sha256(canonicalJson(digests as string[])) };
}
