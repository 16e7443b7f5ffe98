import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { MetricProcess } from "../plugins/metrics/own-metric.ts";
import type { Credential, PythonProgram, StepContext } from "../plugins/step.ts";
import type { Staged, Store } from "../store/store.ts";
import type { Json } from "../util/canonical.ts";
import type { Progress } from "../util/progress.ts";
import { UserError } from "../util/user-error.ts";
import { CpuShare } from "./cpu-share.ts";
import { ElapsedTime } from "./elapsed-time.ts";
import type { EnergyMeter } from "./energy.ts";
import type { Event } from "./event.ts";
import { gpuCounters } from "./gpu-counters.ts";
import { Interrupted, type Interrupts } from "./interrupt.ts";
import { logName, stepLogsDir } from "./log-tail.ts";
import { startMetric } from "./metric-process.ts";
import { type Evidence, type PythonRequest, runPython } from "./python.ts";
import { type Grant, gpuVariables } from "./slots.ts";
import type { SourceSnapshot } from "./source-snapshot.ts";
import type { WorkerLease } from "./worker-pool.ts";

/** What a running step uses. */
type World = Interrupts & {
  readonly store: Store;
  readonly sources: SourceSnapshot;
  readonly energy: EnergyMeter;
  readonly packageRoot: string;
  readonly grant: Grant;
  readonly worker: WorkerLease | undefined;
  python(environment: string): string;
  secret(credential: Credential): string | undefined;
  readonly emit: (event: Event) => void;
};

/**
 * Runs a step with its outputs in the staging folder. Resolves to the evidence that the step measured, and to its
 * seconds over all attempts. `upstream` has the records of the steps that it reads and resumes from.
 */
export async function runStep(
  step: PlannedStep,
  key: string,
  staged: Staged,
  upstream: ReadonlyMap<PlannedStep, StoreRecord>,
  world: World,
): Promise<{ readonly evidence: Evidence; readonly seconds: number }> {
  const { store, sources, grant, stop } = world;
  const { draft } = step;
  const elapsed = new ElapsedTime(join(store.root, "work", key));
  const evidence: Record<string, Json> = {};
  const inputs: Record<string, string> = {};
  for (const [name, from] of Object.entries(step.upstream)) {
    inputs[name] = join(store.objectDir((upstream.get(from.step) as StoreRecord).object), from.file);
  }
  const sourcePaths = Object.fromEntries(Object.keys(draft.sources).map((name) => [name, sources.path(step, name)]));
  const log = join(stepLogsDir(store.root), logName(step.id, key));
  const metrics: MetricProcess[] = [];
  const context: StepContext = {
    output: staged.dir,
    get work() {
      return store.workDir(key);
    },
    hasInput: (name) => name in inputs,
    hasSource: (name) => name in sourcePaths,
    input: (name) => inputs[name] as string,
    source: (name) => sourcePaths[name] as string,
    localPath: (name) => draft.localPaths[name] as string,
    hint: (name) => draft.hints[name],
    credential: draft.credential,
    secret: () => draft.credential && world.secret(draft.credential),
    progress(progress) {
      elapsed.write();
      world.emit({ type: "progress", step: step.id, ...progress });
    },
    evidence: (values) => void Object.assign(evidence, values),
    async pause() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (stop.aborted) throw new Interrupted(step.id);
    },
    cores: grant.cores,
    signal: stop,
    metric(file, limits) {
      const python = () => world.python(draft.environment ?? "");
      const { packageRoot } = world;
      const process = startMetric({ file, shown: file, ...limits, python, packageRoot });
      metrics.push(process);
      return process;
    },
    async python(program, made) {
      const given = { ...inputs, ...made };
      const request = requestOf(program, { step, staged, inputs: given, upstream, work: context.work }, world);
      const share = new CpuShare(grant.cores);
      const control = {
        ...{ stop, kill: world.kill, log, worker: world.worker },
        onProcess: (group: number | undefined) => share.begin(group),
        onProgress(progress: Progress) {
          share.sample();
          context.progress(progress);
        },
      };
      Object.assign(evidence, await measured(step, program, world, () => runPython(request, control)));
      if (grant.gpus.length === 0 && share.value !== undefined) evidence.cpu_share = share.value;
    },
  };
  rmSync(log, { force: true });
  try {
    await step.kind.run(draft.params, context);
  } catch (error) {
    elapsed.write({ now: true });
    throw error instanceof UserError ? sources.withOriginalPaths(step, error) : error;
  } finally {
    for (const one of metrics) one.close();
  }
  if (elapsed.before > 0) {
    evidence.seconds_before = elapsed.before;
    // The energy is that of the last attempt only.
    delete evidence.energy;
  }
  // Time and memory of a step that shared its GPU are not those that it would have alone.
  if (grant.gpus.length > 0 && grant.gpuShare < 1) evidence.gpu_share = grant.gpuShare;
  return { evidence, seconds: elapsed.seconds };
}

type Running = {
  readonly step: PlannedStep;
  readonly staged: Staged;
  readonly inputs: Readonly<Record<string, string>>;
  readonly upstream: ReadonlyMap<PlannedStep, StoreRecord>;
  readonly work: string;
};

function requestOf(
  { module, environment, network, secrets }: PythonProgram,
  { step, staged, inputs, upstream, work }: Running,
  { store, sources, grant, python }: World,
): PythonRequest {
  const { draft } = step;
  return {
    python: python(environment),
    code: sources.code,
    environment,
    module,
    step: step.id,
    params: { ...(draft.params as Record<string, Json>), ...draft.hints },
    inputs,
    localPaths: { ...draft.localPaths, ...earlierWork(step, upstream, store) },
    output: staged.dir,
    work,
    cores: grant.cores,
    ...(network === undefined ? {} : { network }),
    ...(secrets === undefined ? {} : { secrets }),
    variables: gpuVariables(grant.gpus),
  };
}

/** The work folder of the paused step that this one resumes, if it exists. */
function earlierWork(
  { resumesFrom }: PlannedStep,
  upstream: ReadonlyMap<PlannedStep, StoreRecord>,
  store: Store,
): { readonly earlier?: string } {
  const record = resumesFrom && upstream.get(resumesFrom);
  const dir = record && join(store.root, "work", record.key);
  return dir !== undefined && existsSync(dir) ? { earlier: dir } : {};
}

/**
 * Runs a program and adds the energy that it took to its evidence. The counters of this node do not cover other nodes.
 */
async function measured(
  { draft }: PlannedStep,
  { environment }: PythonProgram,
  { energy, grant, python, packageRoot }: World,
  run: () => Promise<Evidence>,
): Promise<Evidence> {
  if (Number(draft.hints.nodes ?? 1) > 1) return run();
  // The counter of a shared GPU does not distinguish the steps.
  const gpus = grant.gpuShare === 1 ? grant.gpus.map(({ uuid }) => uuid) : [];
  const measurement = await energy.begin(gpus, (uuids) => gpuCounters(python(environment), packageRoot, uuids));
  let evidence: Evidence = {};
  try {
    evidence = await run();
  } finally {
    const taken = await measurement.end();
    if (Object.keys(taken).length > 0) evidence = { ...evidence, energy: taken };
  }
  return evidence;
}
