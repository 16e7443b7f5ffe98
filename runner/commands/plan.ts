import { stringify } from "yaml";
import { type Assessed, assess } from "../execution/assess.ts";
import { staleResults } from "../execution/stale-sources.ts";
import { storeReader } from "../execution/step-runner.ts";
import { forecast } from "../orchestration/forecast.ts";
import { formatProblem, problemsOf } from "../orchestration/resource-problems.ts";
import { checkAcceptedStale, checkStepNames, isNamed } from "../orchestration/select-steps.ts";
import { labeller, stepLabels } from "../orchestration/step-labels.ts";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import { formatStepRef } from "../pipeline/plan/step-ref.ts";
import { deviceOf } from "../pipeline/steps/device.ts";
import { readSelection } from "../pipeline/steps/selection.ts";
import { type Planned, planAll } from "../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import {
  finalRunCount,
  furtherProposals,
  furtherRungs,
  type PlannedSelection,
} from "../pipeline/sweep/selection-rounds.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors } from "../plugins/executors/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { machineName, type Site } from "../plugins/site.ts";
import type { Expected } from "../plugins/step.ts";
import { loadAll } from "../project/load.ts";
import { openProject, type Project } from "../project/project.ts";
import { previousIngredients } from "../runs/previous-run.ts";
import { measureSpeed } from "../setup/machine-speed.ts";
import { table } from "../terminal/table.ts";
import { fitted } from "../terminal/wrap.ts";
import { exit } from "../util/context.ts";
import { duration, firstNames, gigabyteRange, plural } from "../util/format.ts";
import { defineCommand, flag, oneOrMore } from "./command.ts";
import { acceptStale, json, set, smoke, sweep, trust } from "./common-options.ts";

export const command = defineCommand({
  arguments: { files: oneOrMore("file", "An experiment file.") },
  options: {
    ...{ set, sweep, smoke, trust, acceptStale },
    resolved: flag("Print the whole configuration of each run, with the values of defaults, as YAML."),
    json,
  },
  async run({ files, set, sweep, smoke, trust, acceptStale: accepted, resolved, json }, context) {
    const loaded = loadAll(files, { set, sweep, smoke, trust }, context);
    const project = await openProject(loaded[0]?.root ?? context.cwd, context, "read");
    if (loaded.some(({ points }) => points.some(({ experiment }) => computesHere(experiment, project.site))))
      await measureSpeed(machineName(project.site), context);
    const planned = planAll(loaded, project);
    const { store } = project;
    const accepts = (step: PlannedStep): boolean => accepted.some((name) => isNamed(step, name));
    const runner = { ...storeReader(store), stale: staleResults(store, accepts) };
    const dirOf = (key: string): string | undefined => {
      const record = store.record(key);
      return record && store.objectDir(record.object);
    };
    const found = forecast(planned, {
      assess: (part) => assess(part, runner, previousIngredients(part, project.artifacts, store)),
      dirOf,
    });
    const { plan, steps } = found;
    const selected = new Map(
      [...steps].flatMap(([step, { status, key }]) => {
        const dir = step.kind.name === "select" && status === "cached" && key !== null ? dirOf(key) : undefined;
        return dir === undefined ? [] : [[step, readSelection(dir).why] as const];
      }),
    );
    const { points } = planned;
    const before = previousIngredients(plan, project.artifacts, store);
    const problems = problemsOf({ plan, points }, steps, project, context, { before });
    store.close();
    checkStepNames(planned.whole, accepted);
    checkAcceptedStale(steps, accepts);

    if (resolved && !json) {
      context.out(plan.runs.map((run) => resolvedText(run, configOf(run, points, project))).join("---\n"));
      return exit.done;
    }
    const labels = stepLabels(plan.runs, points);
    const named = labeller(labels);
    const rows: readonly Row[] = [
      ...[...steps].map(([step, { status, key, reason }]) => ({
        id: step.id,
        label: labels.get(step) ?? step.id,
        kind: step.kind.name,
        key,
        status,
        reason: selected.get(step) ?? reason,
        expects: step.draft.expects,
      })),
      ...openRows(found.planned.open, steps),
    ];
    const isImpossible = problems.some(({ severity, elsewhere }) => severity === "error" && !elsewhere);
    if (json) {
      const shown = resolved ? { resolved: plan.runs.map((run) => configOf(run, points, project)) } : {};
      const content = { runs: plan.runs.length, steps: rows.map(asJson), problems, ...shown };
      context.out(`${JSON.stringify(content, null, 1)}\n`);
      return isImpossible ? exit.invalid : exit.done;
    }
    const faster = [
      ...new Set(rows.flatMap(({ status, expects }) => (status === "cached" ? [] : (expects?.faster ?? [])))),
    ];
    const say = (line: string): void => context.out(`${fitted(line, context)}\n`);
    const head = ["step", "status", "memory", "time", "download", "why"];
    context.out(
      table(
        [
          head,
          ...rows.map(({ label, status, reason, expects }) => [
            label,
            words[status],
            ...takes(expects, status),
            named(reason),
          ]),
        ],
        {
          align: ["left", "left", "right", "right", "right", "left"],
          columns: context.columns,
        },
      ),
    );
    for (const problem of problems) context.err(`\n${formatProblem(problem)}`);
    say(`\n${summary(rows, plan.runs.length)}`);
    const measured = new Map<string, string[]>();
    for (const { label, status, expects } of rows) {
      if (status === "cached" || expects?.measured === undefined) continue;
      measured.set(expects.measured, [...(measured.get(expects.measured) ?? []), label]);
    }
    const times = [...measured].map(([source, steps]) => `${firstNames(steps, 3)} from ${source}`);
    if (times.length > 0) say(`Times measured on this machine: ${times.join("; ")}`);
    for (const hint of faster) say(`Hint: ${hint}`);
    for (const { points: of } of loaded) {
      // A smoke run replaces values, so that its defaults do not show what the experiment leaves out.
      const defaulted = smoke ? [] : (of[0]?.defaulted ?? []);
      if (defaulted.length > 0) say(`Defaults: ${defaulted.join(", ")}`);
    }
    return isImpossible ? exit.invalid : exit.done;
  },
});

/** Whether an experiment trains or answers on the CPU of this machine. */
function computesHere(experiment: Experiment, site: Site): boolean {
  const { train, generate, resources } = experiment;
  const runsModel = train !== undefined || engines.get(generate.engine).runsModel;
  return runsModel && deviceOf(experiment, site) === "cpu" && executors.get(resources.executor).jobSystem === undefined;
}

/** The configuration of a run, with paths from the project root, as its manifest has it. */
function configOf(run: PlannedRun, points: Planned["points"], { site }: Project): Experiment {
  return site.portable((points.get(run) as DraftedPoint).experiment);
}

function resolvedText({ experiment, coordinates }: PlannedRun, config: Experiment): string {
  return `# ${coordinates === "" ? experiment : `${experiment} ${coordinates}`}\n${stringify(config)}`;
}

type Row = Assessed & {
  readonly id: string;
  readonly label: string;
  readonly kind: string;
  readonly expects: Expected | undefined;
};

/**
 * A row for each rung, for the proposals of TPE, and for each winner that a selection decides. Their steps are not
 * known yet.
 */
function openRows(selections: readonly PlannedSelection[], steps: ReadonlyMap<PlannedStep, Assessed>): readonly Row[] {
  return selections.flatMap((selection): readonly Row[] => {
    const { experiment, step, settings, sweep } = selection;
    if (steps.get(step)?.status === "cached") return [];
    const named = (id: string): string => (selections.length > 1 ? `${id}@${experiment}` : id);
    const row = (id: string, reason: string): Row => {
      return {
        id: named(id),
        label: named(id),
        kind: step.kind.name,
        status: "depends",
        key: null,
        reason,
        expects: undefined,
      };
    };
    let [before, left] = [step.id, settings.size];
    const rungs = furtherRungs(selection).map((rung) => {
      const reason = `depends on ${before}: trains ${rung.settings} of ${plural(left, "setting")} to ${plural(rung.epochs, "epoch")}`;
      before = named(formatStepRef({ stage: "select", rung: rung.number === rung.of ? undefined : rung.number }));
      left = rung.settings;
      return row(`rung.${rung.number}`, reason);
    });
    const more = furtherProposals(selection);
    const proposed =
      more === 0
        ? []
        : [row("proposals", `depends on ${before}: ${plural(more, "later setting")} follow from earlier scores`)];
    if (more > 0) [before, left] = [named(formatStepRef({ stage: "select" })), settings.size + more];
    const finals = finalRunCount(sweep);
    const seeds = finals > 1 ? `, ${finals} runs of it,` : "";
    const winner = finals === 0 ? [] : [row("winner", `depends on ${before}: 1 of ${left}${seeds} is scored on test`)];
    return [...rungs, ...proposed, ...winner];
  });
}

/** A step in the form of --json: memory in bytes and seconds as [low, high], download in bytes, null if unknown. */
function asJson({ expects, ...row }: Row) {
  const { memory = null, gpu_memory = null, seconds = null, download = null } = expects ?? {};
  return { ...row, estimate: { memory, gpu_memory, seconds, download } };
}

/** Cells with memory, time and download of a step that will run. Memory is that of the GPU if it uses one. */
function takes(expects: Expected | undefined, status: Assessed["status"]): readonly string[] {
  if (expects === undefined || status === "cached") return ["", "", ""];
  const { memory, gpu_memory, seconds, download } = expects;
  const space = gpu_memory ?? memory;
  return [
    space === undefined ? "" : `${gigabyteRange(space)}${gpu_memory === undefined ? "" : " GPU"}`,
    seconds === undefined ? "" : `${duration(seconds[0])} to ${duration(seconds[1])}`,
    download === undefined ? "" : gigabyteRange([download, download]),
  ];
}

const words: Readonly<Record<Assessed["status"], string>> = { cached: "cached", run: "will run", depends: "depends" };

function summary(rows: readonly Row[], runs: number): string {
  const counts = { cached: 0, run: 0, depends: 0 };
  for (const { status } of rows) counts[status]++;
  const { cached, run, depends } = counts;
  return `${plural(runs, "run")}, ${rows.length} steps: ${cached} cached, ${run} to run, ${depends} that depend on those`;
}
