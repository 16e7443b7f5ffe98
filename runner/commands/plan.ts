import { type Assessed, assess } from "../execute/assess.ts";
import { reader } from "../execute/machinery.ts";
import { staleResults } from "../execute/stale.ts";
import { partOf } from "../plan/build.ts";
import type { PlannedStep } from "../plan/plan.ts";
import type { Expected } from "../plan/step.ts";
import { type Act, exit } from "../project/context.ts";
import { loadAll } from "../project/load.ts";
import { type Choice, planAll, planWinners } from "../project/planned.ts";
import { openProject } from "../project/project.ts";
import { isCalled, nothingStale, unknownStep } from "../running/named.ts";
import { formatProblem, problemsOf } from "../running/problems.ts";
import { duration, gigabytes } from "../show/quantity.ts";
import { table } from "../show/table.ts";
import { formerIngredients } from "../study/former.ts";

/** `exp plan`: each step, whether it is cached, will run or depends, and why. Writes nothing. */
export const command: Act = async ([paths], options, context) => {
  const loaded = loadAll(paths as string[], options, context);
  if (loaded === undefined) return exit.invalid;
  const project = await openProject(loaded[0]?.root ?? context.cwd, context, "read");
  const planned = planAll(loaded, project);
  const { store } = project;
  const accepted = options.acceptStale as readonly string[];
  const accepts = (step: PlannedStep): boolean => accepted.some((name) => isCalled(step, name));
  const machinery = { ...reader(store), stale: staleResults(store, accepts) };
  const first = assess(planned.plan, machinery, formerIngredients(planned.plan, project.artifacts, store));
  const winners = planWinners(planned, (step) => {
    const { key, status } = first.get(step) as Assessed;
    const record = status === "cached" && key !== null ? store.peek(key) : undefined;
    return record && store.objectDir(record.object);
  });
  const plan =
    winners.runs.length === 0
      ? planned.plan
      : partOf(planned.whole, [...planned.plan.runs, ...winners.runs], planned.plan.steps);
  const steps =
    plan === planned.plan ? first : assess(plan, machinery, formerIngredients(plan, project.artifacts, store));
  store.close();
  const wrong = unknownStep(planned.whole, accepted) ?? nothingStale(steps, accepts);
  if (wrong !== undefined) {
    context.err(`exp plan: ${wrong}\n`);
    return exit.invalid;
  }

  const rows: readonly Row[] = [
    ...[...steps].map(([step, { status, key, reason }]) => ({
      id: step.id,
      kind: step.kind.name,
      key,
      status,
      reason,
      expects: step.draft.expects,
    })),
    ...undecided(planned.choices, steps),
  ];
  const { points } = planned;
  const problems = problemsOf({ plan, points }, steps, project);
  const isImpossible = problems.some(({ severity, elsewhere }) => severity === "error" && !elsewhere);
  if (options.json === true) {
    context.out(`${JSON.stringify({ runs: plan.runs.length, steps: rows.map(asJson), problems }, null, 1)}\n`);
    return isImpossible ? exit.invalid : exit.done;
  }
  const head = ["step", "status", "memory", "time", "download", "why"];
  context.out(
    table(
      [head, ...rows.map(({ id, status, reason, expects }) => [id, words[status], ...takes(expects, status), reason])],
      {
        align: ["left", "left", "right", "right", "right", "left"],
      },
    ),
  );
  for (const problem of problems) context.err(`\n${formatProblem(problem)}`);
  context.out(`\n${summary(rows, plan.runs.length)}\n`);
  for (const { points: of } of loaded) {
    // A smoke run's values are neither what was written nor defaults.
    const defaulted = options.smoke === true ? [] : (of[0]?.defaulted ?? []);
    if (defaulted.length > 0) context.out(`Defaults: ${defaulted.join(", ")}\n`);
  }
  return isImpossible ? exit.invalid : exit.done;
};

type Row = Assessed & { readonly id: string; readonly kind: string; readonly expects: Expected | undefined };

/** A row for each winner that is not known yet: which steps score it on test depends on the selection. */
function undecided(choices: readonly Choice[], steps: ReadonlyMap<PlannedStep, Assessed>): readonly Row[] {
  return choices.flatMap(({ experiment, step, finals }): readonly Row[] => {
    const [runs] = finals.values();
    if (runs === undefined || steps.get(step)?.status === "cached") return [];
    const seeds = runs.length > 1 ? `, ${runs.length} runs of it,` : "";
    const id = choices.length > 1 ? `winner@${experiment}` : "winner";
    const reason = `depends on ${step.id}: 1 of ${finals.size}${seeds} is scored on test`;
    return [{ id, kind: step.kind.name, status: "depends", key: null, reason, expects: undefined }];
  });
}

/** A step as --json shows it: memory in bytes and seconds as [low, high], download in bytes; null where not known. */
function asJson({ expects, ...row }: { readonly expects: Expected | undefined }) {
  const { memory = null, gpu_memory = null, seconds = null, download = null } = expects ?? {};
  return { ...row, estimate: { memory, gpu_memory, seconds, download } };
}

/** Memory, time and download of a step that will run, as cells. A GPU's memory counts before the host's. */
function takes(expects: Expected | undefined, status: Assessed["status"]): readonly string[] {
  if (expects === undefined || status === "cached") return ["", "", ""];
  const { memory, gpu_memory, seconds, download } = expects;
  const space = gpu_memory ?? memory;
  return [
    space === undefined ? "" : `${gigabytes(space)}${gpu_memory === undefined ? "" : " GPU"}`,
    seconds === undefined ? "" : `${duration(seconds[0])} to ${duration(seconds[1])}`,
    download === undefined ? "" : gigabytes([download, download]),
  ];
}

const words: Readonly<Record<Assessed["status"], string>> = { cached: "cached", run: "will run", depends: "depends" };

function summary(rows: readonly Row[], runs: number): string {
  const counts = { cached: 0, run: 0, depends: 0 };
  for (const { status } of rows) counts[status]++;
  const { cached, run, depends } = counts;
  return `${runs} run${runs === 1 ? "" : "s"}, ${rows.length} steps: ${cached} cached, ${run} to run, ${depends} that depend on those`;
}
