import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Row } from "../data/rows.ts";
import { perTokenConfidence } from "../evaluation/error-analysis/calibration.ts";
import type { Event } from "../execution/event.ts";
import { execute, type Outcome } from "../execution/scheduler.ts";
import { buildPlan } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { type Decision, readResult } from "../pipeline/result-files.ts";
import { type Reading, readAnswer } from "../pipeline/steps/answer.ts";
import { subjectOf } from "../pipeline/steps/arms.ts";
import { decidingOf } from "../pipeline/steps/decide.ts";
import { minShare } from "../pipeline/steps/evaluate.ts";
import { kinds } from "../pipeline/steps/index.ts";
import { jsonLines, readJsonLines } from "../pipeline/steps/jsonl.ts";
import { draftsOfPrediction, newRows, type PredictionDrafts } from "../pipeline/steps/predict.ts";
import type { Response } from "../pipeline/steps/response.ts";
import { decideStage, hasThreshold, readMargins } from "../pipeline/steps/scores.ts";
import { openTaskWith, parsingParams, scoringFiles, taskOf } from "../pipeline/steps/task.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { openStored } from "../project/place.ts";
import type { Project } from "../project/project.ts";
import { declaredExperiment, runChanged } from "../runs/declared-experiment.ts";
import { type FinishedRun, runLabel } from "../runs/finished-runs.ts";
import { expectIntact } from "../runs/intact-run.ts";
import { foreignOrigin } from "../runs/run-origin.ts";
import { listingDigest } from "../store/digest.ts";
import { tryAcquire } from "../store/lock.ts";
import type { Reporter } from "../terminal/reporter.ts";
import { canonicalJson, sha256 } from "../util/canonical.ts";
import { type Context, exit } from "../util/context.ts";
import { isInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import { givenFolder, noIngredients, recordOfStep } from "./given-steps.ts";
import { recordIn } from "./outcome.ts";
import { projectStepRunner } from "./step-runner.ts";

/** A row without label. */
export type NewRow = Pick<Row, "id" | "input" | "fields" | "turns">;

/** The answer of a run's model to a new row. */
export type Prediction = {
  readonly id: string;
  /** The text of the answer; of a vote, one line for each sample. */
  readonly answer: string;
  /** What the task reads from the answer: a list of labels, for label tasks. */
  readonly prediction: unknown;
  /** False if nothing could be read; the prediction is then the task's empty one. */
  readonly parsed: boolean;
  readonly notes: readonly string[];
  /** Geometric mean of the probabilities of the answer's tokens; absent without log-probabilities. */
  readonly confidence?: number;
};

/** Predictions in the order of the rows, and the text between two labels if the task has labels. */
export type Predictions = { readonly all: readonly Prediction[]; readonly separator: string | undefined };

/** A run that can answer new rows, and its experiment with absolute paths. */
export type AnsweringRun = { readonly run: FinishedRun; readonly experiment: Experiment };

/** The sections of an experiment that decide about its answers. */
const sections = ["task", "data", "model", "prompt", "train", "generate"] as const;

/**
 * Checks that a run can answer new rows: it has a model, and its files and those of its study are those of the run.
 * Throws UserError: no-model, run-damaged, file-gone, run-changed, untrusted.
 */
export function openAnsweringRun(
  run: FinishedRun,
  project: Project,
  { trust }: { readonly trust: boolean },
  context: Context,
): AnsweringRun {
  const { artifacts, digests, site } = project;
  expectIntact(run, artifacts, digests);
  const trusting = { trust, origin: foreignOrigin(run, artifacts) };
  const experiment = declaredExperiment(run, project, trusting, context, sections);
  if (engines.get(experiment.generate.engine).recorded !== undefined) {
    throw new UserError("no-model", `${runLabel(run)} has recorded answers and no model`, {
      help: "name a run whose generate.engine uses a model",
      status: "invalid",
    });
  }
  const { sources } = run.manifest.provenance;
  for (const path of sourcesOf(experiment, project)) {
    const name = site.portable(path);
    if (!existsSync(path)) throw runChanged(run, `${name} does not exist`);
    if (digests.of(path) !== sources[name]) throw runChanged(run, `${name} has changed since the run`);
  }
  return { run, experiment };
}

/**
 * The files of a study that its answers depend on, apart from its rows: prompt template, label files, a model's folder.
 */
function sourcesOf(experiment: Experiment, { site }: Project): readonly string[] {
  const { drafts } = draftsOfPrediction(experiment, site);
  const read = drafts.filter(({ kind }) => ["prompt", "candidates", "fetch"].includes(kind));
  const named = [...read.map(({ sources }) => sources), scoringFiles(experiment)].flatMap(Object.entries<string>);
  return [...new Set(named.flatMap(([name, path]) => (name.startsWith("recipes/") ? [] : [path])))];
}

/**
 * Answers new rows with a run's model, prompts and parser, and passes the predictions to `write`. Works in a store of
 * its own, so that the project's store stays unchanged. The store is deleted after `write`. If it remains, the next
 * call with the same rows resumes. Resolves to the exit code. Throws UserError: prediction-running, run-damaged,
 * file-gone.
 */
export async function predict(
  { run, experiment }: AnsweringRun,
  rows: readonly NewRow[],
  { project, reporter }: { readonly project: Project; readonly reporter: Reporter },
  write: (predictions: Predictions) => Promise<void>,
  context: Context,
): Promise<number> {
  const text = jsonLines(rows);
  const name = sha256(canonicalJson([runLabel(run), sha256(text)])).slice(0, 16);
  const folder = join(project.artifacts, "predictions", name);
  if (!isInside(folder, project.artifacts)) {
    throw new UserError("path-outside", `${folder} is a link that leaves artifacts/`, {
      help: "delete the link",
      status: "refused",
    });
  }
  const lock = tryAcquire(`${folder}.lock`);
  if (lock === undefined) {
    throw new UserError("prediction-running", `another process predicts these rows with ${runLabel(run)}`, {
      help: "wait until it has ended",
      status: "refused",
    });
  }
  try {
    const written = join(folder, "rows");
    // Anything else in its place is neither followed nor waited for.
    rmSync(written, { recursive: true, force: true });
    mkdirSync(written, { recursive: true });
    writeFileSync(join(written, newRows.file), text);
    const responses = await answer(
      { run, experiment },
      { folder, rows: written, text },
      { project, reporter },
      context,
    );
    if (responses === undefined) return exit.failed;
    await write(await readPredictions(experiment, rows, responses));
    rmSync(folder, { recursive: true, force: true });
    return exit.done;
  } finally {
    lock.release();
    removeIfEmpty(dirname(folder));
  }
}

/** The folder with the responses, that of the data step, and that of the threshold if the run has one. */
type Responses = { readonly folder: string; readonly labels: string; readonly decision?: string };
type Work = { readonly folder: string; readonly rows: string; readonly text: string };

/** Runs the steps of a prediction. Undefined if one failed or the user interrupted it. */
async function answer(
  { run, experiment }: AnsweringRun,
  { folder, rows, text }: Work,
  { project, reporter }: { readonly project: Project; readonly reporter: Reporter },
  context: Context,
): Promise<Responses | undefined> {
  const opened = { ...project, ...openStored(project.root, context, "write", folder) };
  const { store } = opened;
  try {
    const drafted = draftsOfPrediction(experiment, { ...opened.site, uploads: false, elsewhere: false });
    const plan = planOf(run, drafted, opened);
    const objects = new Map<string, string>();
    const ended = new Map<PlannedStep, Outcome>();
    const give = (step: PlannedStep, record: StoreRecord, dir: string): void => {
      objects.set(record.object, dir);
      if (step.kind.holds?.(step.draft, dir) ?? true) ended.set(step, { status: "reused", record });
    };
    for (const step of plan.steps) {
      if (step.id === newRows.step) give(step, recordOfRows(text), rows);
      else if (drafted.given.has(step.id) || step.kind.name === "fetch")
        give(step, recordOfStep(run, step.id), givenFolder(run, step.id, project));
    }
    const shared = { ...store, objectDir: (object: string) => objects.get(object) ?? store.objectDir(object) };
    const emit = (event: Event): void => reporter.event(event);
    const missing = plan.steps.filter((step) => !ended.has(step));
    const steps = missing.map(({ id, kind }) => ({ id, kind: kind.name, status: "run" as const, reason: "new rows" }));
    emit({ type: "plan", runs: 1, steps });
    const runner = projectStepRunner(plan, { ...opened, store: shared }, context, { emit });
    const options = { emit, stop: context.stop, force: () => false, keepGoing: false, ended };
    const outcomes = await execute(plan, runner, options);
    const step = plan.steps.find(({ id }) => id === drafted.answers) as PlannedStep;
    const record = recordIn(outcomes.get(step));
    if (record === undefined) return undefined;
    const arm = subjectOf(experiment);
    return {
      folder: store.objectDir(record.object),
      labels: givenFolder(run, "data", project),
      ...(hasThreshold(experiment, arm) ? { decision: givenFolder(run, stepOfArm(decideStage, arm), project) } : {}),
    };
  } finally {
    store.close();
  }
}

function planOf({ manifest }: FinishedRun, { drafts }: PredictionDrafts, { digests }: Project): Plan {
  const { experiment, role, coordinates } = manifest;
  return buildPlan([{ experiment, role, coordinates, drafts }], kinds, (path) => digests.of(path));
}

function recordOfRows(text: string): StoreRecord {
  const files = { [newRows.file]: { sha256: sha256(text), size: Buffer.byteLength(text) } };
  const made = { key: "", created: "", seconds: 0, evidence: {} };
  return { schema: 2, ...made, object: listingDigest(files), files, ingredients: noIngredients };
}

async function readPredictions(
  experiment: Experiment,
  rows: readonly NewRow[],
  { folder, labels, decision }: Responses,
): Promise<Predictions> {
  const files = scoringFiles(experiment);
  const open = await openTaskWith(parsingParams(experiment), (key) => files[key]);
  const reading: Reading = {
    open,
    predictionKey: taskOf(experiment).predictionKey,
    minShare: minShare(experiment),
    labels: new Set(readResult("labels.json", labels).map(({ label }) => label)),
  };
  const responses = new Map(readJsonLines<Response>(join(folder, "responses.jsonl")).map((one) => [one.id, one]));
  const decide = decision === undefined ? undefined : decider(readResult("decision.json", decision), folder, reading);
  const all = rows.map(({ id }): Prediction => {
    const response = responses.get(id) as Response;
    const read = readAnswer(response, reading);
    if (decide !== undefined)
      return { id, answer: response.text ?? "", ...read, prediction: decide(id, read.prediction) };
    const confidence = perTokenConfidence(response);
    return {
      id,
      answer: response.text ?? "",
      ...read,
      ...(confidence === undefined ? {} : { confidence }),
    };
  });
  return { all, separator: open.separator };
}

/** Predicts the labels of a case by a threshold that the run chose, from its answer and the scores in `folder`. */
function decider(decision: Decision, folder: string, { open, labels }: Reading) {
  const margins = readMargins(join(folder, "margins.jsonl"));
  const { decide } = decidingOf(open, decision.view, [...labels], decision.required);
  return (id: string, named: unknown): readonly string[] =>
    decide({ named: named as readonly string[], margins: margins.get(id) ?? {} }, decision).labels;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another prediction works there, or was interrupted.
  }
}
