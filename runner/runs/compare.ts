import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { View } from "../data/labels/views.ts";
import type { Planned } from "../evaluation/statistics/compare.ts";
import {
  type Answerer,
  type CaseAnswer,
  type Comparison,
  compareAnswers,
} from "../evaluation/statistics/comparison.ts";
import { nonInferiority } from "../evaluation/statistics/non-inferiority.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { readResult } from "../pipeline/result-files.ts";
import { armNames, armNamesOfRuns, type NamedRun } from "../pipeline/steps/arm-names.ts";
import { metricsOfModels, metricsWith, scoringFiles, taskParams } from "../pipeline/steps/task.ts";
import { type MetricProcess, type OwnMetric, ownMetrics, shownMetrics } from "../plugins/metrics/own-metric.ts";
import type { MetricOpener } from "../project/own-metrics.ts";
import { type Json, sha256 } from "../util/canonical.ts";
import { dotted } from "../util/flatten.ts";
import { fileInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import type { Cost } from "./cost.ts";
import { type FinishedRun, runLabel } from "./finished-runs.ts";
import { testEvaluationCount, testFileOf, tornLedgerWarning } from "./ledger.ts";
import { ownArms, subjectOf } from "./run-arms.ts";
import { foreignOrigin } from "./run-origin.ts";
import { answersOf, vocabularyOf } from "./run-outputs.ts";
import { runTask } from "./run-task.ts";

/** The error for runs that cannot be compared. Each reason is one sentence. */
function notComparable(
  reasons: readonly string[],
  help = "--force compares the cases that they have in common",
): UserError {
  return new UserError("runs-not-comparable", `the runs are not comparable: ${reasons.join("; ")}`, {
    help,
    status: "invalid",
  });
}

/** Options of a comparison of finished runs. */
export type CompareOptions = {
  readonly root: string;
  readonly artifacts: string;
  /** Default: the primary view and metric of the first run. */
  readonly view?: View | undefined;
  readonly metricName?: string | undefined;
  /** Tests whether the other answerers are worse than this run or arm by less than the margin. */
  readonly nonInferiority?: { readonly reference: FinishedRun | string; readonly margin: number } | undefined;
  /** Compare the common cases of runs that are not comparable. */
  readonly force: boolean;
  /** Starts the process of a metric of the study. */
  readonly metric: MetricOpener;
};

/** A comparison of finished runs, with their cost and the number of test evaluations. */
export type RunComparison = Comparison & {
  readonly runs: readonly { readonly experiment: string; readonly run: string; readonly cost: Cost }[];
  /** Answerer -> its display name, arm and runs. */
  readonly answerers: Readonly<
    Record<string, { readonly name: string; readonly arm: string; readonly runs: readonly string[] }>
  >;
  /** Restrictions: settings that differ, cases that were left out. */
  readonly notes: readonly string[];
  /** Number of evaluations of the test cases so far; null for validation rows. */
  readonly test_evaluations: number | null;
};

/**
 * Compares the arms of one run, or the subjects and baselines of several. Runs that differ only in seeds are one
 * answerer, with averaged scores. Throws UserError: runs-not-comparable, file-gone.
 */
export async function compareRuns(
  runs: readonly [FinishedRun, ...FinishedRun[]],
  { root, artifacts, view, metricName, force, nonInferiority: tested, metric: start }: CompareOptions,
): Promise<RunComparison> {
  const [first] = runs;
  const reasons = differences(runs);
  if (reasons.length > 0 && !force) throw notComparable(reasons);
  const { evaluate } = first.manifest.config;
  const primary = metricName ?? evaluate.primary.metric;
  const shown = view ?? evaluate.primary.view;
  const answerers = runs.length === 1 ? armsOf(first) : acrossRuns(runs);
  const read = answerers.map(
    ({ name, members }): Answerer => ({
      name,
      seeds: members.map(({ run, arm }) => answersOf(run, arm, artifacts)),
    }),
  );
  const notes = [...reasons];
  const fair = force ? inCommon(read, notes) : read;
  const { open, note } = await taskInView(first, shown, root);
  const own = ownMetricsOf(first, root, (metric) => start(metric, foreignOrigin(first, artifacts)));
  const space = [...new Set(runs.flatMap((run) => vocabularyOf(run, artifacts)))];
  try {
    const comparison = await compareAnswers(fair, {
      view: shown,
      scorer: (cases) => open.scorer(cases)(shown, space),
      subject: answerers.find(({ subject }) => subject)?.name ?? (answerers[0]?.name as string),
      metrics: [...new Set([...shownMetrics(evaluate), primary])].map((name) => own.metrics.get(name)),
      primary,
      bootstrap: evaluate.bootstrap,
      planned: runs.length === 1 ? plannedIn(first) : undefined,
    });
    return {
      ...comparison,
      runs: runs.map(({ manifest: { experiment, run, cost } }) => ({ experiment, run, cost })),
      answerers: Object.fromEntries(
        answerers.map(({ name, display, members }) => [
          name,
          {
            name: display,
            arm: members[0]?.arm as string,
            runs: members.map(({ run }) => runLabel(run)),
          },
        ]),
      ),
      notes: [
        ...notes,
        ...[note, tornLedgerWarning(runs, artifacts)].filter((one) => one !== undefined),
        ...seedNotes(answerers),
      ],
      test_evaluations: testEvaluationCount(first, artifacts),
      ...(tested === undefined
        ? {}
        : {
            non_inferiority: nonInferiority(comparison.pairs, {
              reference: referenceName(tested.reference, answerers),
              metric: primary,
              margin: tested.margin,
              higherIsBetter: own.metrics.get(primary).higherIsBetter,
            }),
          }),
    };
  } catch (error) {
    if (error instanceof UserError && error.code === "cases-differ") throw notComparable([error.message]);
    throw error;
  } finally {
    own.close();
  }
}

/**
 * The metrics of a run's task and of its study. The file of a metric must be the one that the run used. Throws
 * UserError `runs-not-comparable` when a metric is computed whose file has changed or is missing.
 */
function ownMetricsOf(run: FinishedRun, root: string, start: (metric: OwnMetric) => MetricProcess) {
  const { config, provenance } = run.manifest;
  const started: MetricProcess[] = [];
  const metrics = metricsWith(config.task, ownMetrics(config.evaluate), metricsOfModels(config.evaluate), (metric) => ({
    file: metric.file,
    open() {
      const file = fileInside(root, metric.file);
      const isSame = file !== undefined && sha256(readFileSync(file, "utf8")) === provenance.sources[metric.file];
      if (!isSame) {
        const reason = `${metric.file}, the file of the metric ${metric.name}, ${file === undefined ? "is missing" : "changed since the run"}`;
        throw notComparable([reason], "restore the file, or run the experiment again");
      }
      const process = start({ ...metric, file });
      started.push(process);
      return process;
    },
  }));
  return {
    metrics,
    close() {
      for (const one of started) one.close();
    },
  };
}

/** What the run planned in addition to the tests of its subject; undefined if it compared nothing. */
function plannedIn({ path }: FinishedRun): Planned | undefined {
  const folder = dirname(path);
  if (!existsSync(join(folder, "comparison.json"))) return undefined;
  const { family, interactions = [] } = readResult("comparison.json", folder);
  return { contrasts: family.contrasts?.map(({ a, b, of }) => ({ a, b, of })) ?? [], interactions };
}

/** The answerer that a reference names: the subject of a run, or an arm. */
function referenceName(reference: FinishedRun | string, answerers: readonly Group[]): string {
  const found = answerers.find(({ name, subject, members }) =>
    typeof reference === "string"
      ? name === reference
      : members.some(({ run, arm }) => run.path === reference.path && (subject || arm === subjectOf(run))),
  );
  if (found !== undefined && answerers.length > 1) return found.name;
  if (found !== undefined) {
    throw new UserError("bad-option", `--reference ${found.name}: there is no other arm to compare with it`, {
      help: "name another run",
      status: "invalid",
    });
  }
  throw new UserError("bad-option", `--reference ${reference} is not one of the compared arms`, {
    help: `choose one of ${answerers.map(({ name }) => name).join(", ")}`,
    status: "invalid",
  });
}

/** What the seeds of trained models allow to conclude. */
function seedNotes(answerers: readonly Group[]): readonly string[] {
  const trained = answerers.filter(({ members }) => members[0]?.arm === "tuned");
  const single = trained.filter(({ members }) => members.length === 1).map(({ name }) => name);
  const few = trained.some(({ members }) => members.length > 1 && members.length < 5);
  return [
    ...(single.length === 0
      ? []
      : [`one training seed (${single.join(", ")}): intervals and tests compare trained models and not methods`]),
    ...(few
      ? ["fewer than five training seeds: Student's t intervals are wide, because the seeds estimate their variance"]
      : []),
  ];
}

type Member = { readonly run: FinishedRun; readonly arm: string };
type Group = {
  readonly name: string;
  /** The name in tables. */
  readonly display: string;
  readonly subject: boolean;
  readonly members: readonly Member[];
};

function armsOf(run: FinishedRun): readonly Group[] {
  const subject = subjectOf(run);
  const names = armNames(namedRun(run));
  return Object.keys(run.manifest.arms).map((arm) => ({
    name: arm,
    display: names.get(arm) ?? arm,
    subject: arm === subject,
    members: [{ run, arm }],
  }));
}

/** The subjects of the runs, grouped by settings; then the other arms. Equal answers of several runs appear once. */
function acrossRuns(runs: readonly FinishedRun[]): readonly Group[] {
  const bySettings = new Map<string, FinishedRun[]>();
  for (const run of runs) {
    const settings = settingsOf(run);
    bySettings.set(settings, [...(bySettings.get(settings) ?? []), run]);
  }
  const groups = [...bySettings.values()];
  const experiments = groups.map(([run]) => (run as FinishedRun).manifest.experiment);
  const subjects = groups.map((members, index): Group => {
    const [{ manifest }] = members as [FinishedRun];
    const unique = experiments.filter((name) => name === manifest.experiment).length === 1;
    const name = unique ? manifest.experiment : runLabel({ manifest });
    const display = members.length > 1 ? `${name} (${members.length} ${isFolded(members) ? "folds" : "seeds"})` : name;
    return {
      ...{ name: display, display },
      subject: index === 0,
      members: members.map((run) => ({ run, arm: subjectOf(run) })),
    };
  });
  const known = new Set<string>();
  const others = new Map<string, readonly [Member, ...Member[]]>();
  for (const members of groups) {
    for (const arm of ownArms(members[0] as FinishedRun)) {
      const own = members.filter((run) => {
        const answers = `${arm} ${run.manifest.steps[stepOfArm("evaluate", arm)]?.files["predictions.jsonl"]?.sha256 ?? ""}`;
        const isNew = arm !== subjectOf(run) && !known.has(answers);
        known.add(answers);
        return isNew;
      });
      const [first, ...rest] = own.map((run) => ({ run, arm }));
      if (first === undefined) continue;
      const names = [arm, `${first.run.manifest.experiment}.${arm}`, `${runLabel(first.run)}.${arm}`];
      others.set(names.find((name) => !others.has(name)) as string, [first, ...rest]);
    }
  }
  const displays = armNamesOfRuns(
    new Map([...others].map(([name, [{ run, arm }]]) => [name, { ...namedRun(run), run: run.manifest.run, arm }])),
  );
  const baselines = [...others].map(([name, members]) => ({
    ...{ name, display: displays.get(name) ?? name, subject: false, members },
  }));
  return [...subjects, ...baselines];
}

const namedRun = ({ manifest }: FinishedRun): NamedRun => ({ ...manifest, arms: Object.keys(manifest.arms) });

function foldOf({ config }: FinishedRun["manifest"]): Json | undefined {
  return dotted(config).get("data.validation.fold");
}

/** Whether the runs of one setting have different validation folds. */
function isFolded(members: readonly FinishedRun[]): boolean {
  return new Set(members.map(({ manifest }) => foldOf(manifest))).size > 1;
}

/** A run's configuration without seeds of training and generation and without the validation fold. */
function settingsOf({ manifest }: FinishedRun): string {
  const kept = [...dotted(manifest.config)].filter(
    ([key]) => !/^(train|generate)\..*seed$|^data\.validation\.fold$/.test(key),
  );
  return JSON.stringify([manifest.experiment, kept]);
}

/** Why runs are not comparable, one sentence each; none if they are. */
function differences(runs: readonly FinishedRun[]): readonly string[] {
  const by = (what: string, of: (run: FinishedRun) => Json | undefined): string[] => {
    const values = new Map(runs.map((run) => [JSON.stringify(of(run)) ?? "absent", run.manifest.experiment]));
    if (values.size < 2) return [];
    return [
      `${what} differ: ${[...values].map(([value, name]) => `${name} ${value.length > 24 ? `${value.slice(1, 9)}…` : value}`).join(", ")}`,
    ];
  };
  return [
    ...by("tasks", (run) => run.manifest.config.task),
    ...by("scored splits (evaluate.split)", (run) => run.manifest.config.evaluate.split),
    ...by("test files", (run) => testFileOf(run)?.sha256),
    ...by("settings for parsing answers", ({ manifest: { config } }) => taskParams(config).parsing),
    ...by("files of the task (synonyms, groups, schema)", ({ manifest: { config, provenance } }) => {
      const files = Object.values(scoringFiles(config));
      return files.length === 0 ? "none" : files.map((path) => provenance.sources[path] ?? path).join(" ");
    }),
    ...by("precisions of generation", ({ manifest: { config } }) =>
      "precision" in config.generate ? config.generate.precision : undefined,
    ),
  ];
}

/** The cases that every answerer has with the same gold target. Adds a note if cases are left out. */
function inCommon(answerers: readonly Answerer[], notes: string[]): readonly Answerer[] {
  const lists = answerers.flatMap(({ seeds }) => seeds);
  const key = ({ id, gold }: CaseAnswer): string => JSON.stringify([id, gold]);
  const keys = lists.map((answers) => new Set(answers.map(key)));
  const shared = new Set([...(keys[0] ?? [])].filter((one) => keys.every((own) => own.has(one))));
  if (shared.size === 0)
    throw notComparable(["the runs have no case in common"], "compare runs that were scored on the same test file");
  const most = Math.max(...lists.map((answers) => answers.length));
  if (shared.size < most) notes.push(`compares only the ${shared.size} of ${most} cases that all runs have`);
  return answerers.map(({ name, seeds }) => ({
    name,
    seeds: seeds.map((answers) => answers.filter((answer) => shared.has(key(answer)))),
  }));
}

/** The task of a run for scoring in a view. The canonical view reads the synonym file as it is now. */
async function taskInView(run: FinishedRun, view: View, root: string) {
  const { open, state, files, problem } = await runTask(run, root);
  const isAffected = view === "canonical";
  if (isAffected && state === "gone")
    throw notComparable([`${files.join(", ")} cannot be read: ${problem}`], "choose another view with --view basic");
  const isChanged = state === "changed";
  return {
    open,
    note: isChanged
      ? `${files.join(", ")} changed since the run: scores that depend on it use the present file`
      : undefined,
  };
}
