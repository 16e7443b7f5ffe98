import { join } from "node:path";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { paused, type StoreRecord } from "../pipeline/plan/record.ts";
import type { Measurement, Work } from "../plugins/measurement.ts";
import type { Credential } from "../plugins/step.ts";
import type { Digests } from "../store/digest.ts";
import type { Store } from "../store/store.ts";
import type { Json } from "../util/canonical.ts";
import { plural } from "../util/format.ts";
import { circumstances, isCurrent } from "./currency.ts";
import { EnergyMeter } from "./energy.ts";
import type { Event } from "./event.ts";
import { Interrupted, type Interrupts } from "./interrupt.ts";
import { runStep } from "./run-step.ts";
import type { StepRunner } from "./scheduler.ts";
import { type Grant, Slots } from "./slots.ts";
import { SourceSnapshot } from "./source-snapshot.ts";
import { type WorkerLease, WorkerPool } from "./worker-pool.ts";

/** What a step runner works with. */
export type StepRunnerParts = Interrupts & {
  readonly store: Store;
  readonly digests: Digests;
  /** Folder of the exp package, which contains recipes/. */
  readonly packageRoot: string;
  readonly slots: Slots;
  /** Maximum number of steps at once. */
  readonly jobs: number;
  /** The interpreter of an environment. Throws UserError if the environment does not match its lock file. */
  python(environment: string): string;
  /** The value of a key. Throws UserError if it must not be sent to this server. */
  secret(credential: Credential): string | undefined;
  readonly emit: (event: Event) => void;
  /** Called with the time and memory of a step that ran at once, on resources of its own. */
  readonly onMeasured?: (measurement: Measurement) => void;
};

/** The resources of one running step. */
export type StepResources = { readonly grant: Grant; readonly worker: WorkerLease | undefined };

/** A shorter wait is not reported. ms */
const shownAfter = 1_000;

type BuildArguments = Parameters<StepRunner["build"]>;

/** Looks up results in a store without building any. */
export function storeReader(
  store: Pick<Store, "find" | "record" | "objectDir">,
): Pick<StepRunner, "find" | "peek" | "holds" | "isCurrent"> {
  const found = new Map<string, StoreRecord>();
  return {
    find(key) {
      const known = found.get(key);
      if (known !== undefined) return { record: known };
      const hit = store.find(key);
      if ("record" in hit) found.set(key, hit.record);
      return hit;
    },
    peek: (key) => store.record(key),
    isCurrent: (step, record) => isCurrent(step, record, Date.now()),
    holds: (step, record) => step.kind.holds?.(step.draft, store.objectDir(record.object)) ?? true,
  };
}

/**
 * Builds steps: under the lock of the key, with resources of the machine, from a snapshot of the sources, into the
 * store.
 */
export function createStepRunner(plan: Plan, parts: StepRunnerParts): StepRunner {
  const { store, digests, packageRoot, stop } = parts;
  const folder = join(store.root, "work", "snapshots");
  const sources = new SourceSnapshot(plan, { folder, packageRoot, digests, claim: store.claim });
  const energy = new EnergyMeter("/sys/class/powercap");
  const turns = new Slots({ cores: parts.jobs, memory: 0, gpus: [] }, () => undefined);
  const workers = new WorkerPool();
  const reader = storeReader(store);
  /**
   * Key -> the last build of it in this process. Waiting for it needs no polling, unlike waiting for another process's
   * lock.
   */
  const builds = new Map<string, Promise<unknown>>();

  return {
    ...reader,
    async build(step, known, upstream, options) {
      const before = builds.get(known.key);
      const own = Promise.resolve(before?.catch(() => undefined)).then(() => build(step, known, upstream, options));
      builds.set(known.key, own);
      try {
        return await own;
      } finally {
        if (builds.get(known.key) === own) builds.delete(known.key);
      }
    },
  };

  async function build(...[step, known, upstream, options]: BuildArguments) {
    const lock = await waited(
      step,
      () => "another process that builds it",
      () => store.lock(known.key, { signal: stop }),
    );
    try {
      if (step.kind.cached && !options.force) {
        const hit = store.find(known.key);
        if ("record" in hit && reader.holds(step, hit.record)) return { record: hit.record, reused: true };
      }
      const record = await withResources(step, (resources) => {
        options.begun();
        return buildInto(step, known, upstream, { ...resources, force: options.force });
      });
      return { record, reused: false };
    } finally {
      lock.release();
    }
  }

  /**
   * Waits for a turn and for resources. Afterwards the resources and an idle process go to a step that can use both, or
   * are freed.
   */
  async function withResources(
    step: PlannedStep,
    run: (resources: StepResources) => Promise<StoreRecord>,
  ): Promise<StoreRecord> {
    const { needs, reuseKey } = step.draft;
    const others = () => `one of ${plural(parts.jobs, "running step")}`;
    const turn = await waited(step, others, () => turns.acquire({ cores: 1, gpus: 0, memory: 0 }, stop));
    try {
      const lacking = () => parts.slots.lacking(needs);
      const grant = await waited(step, lacking, () => parts.slots.acquire(needs, stop, reuseKey));
      const gpus = grant.gpus.map(({ uuid }) => uuid);
      const worker = workers.lease(reuseKey === undefined ? undefined : JSON.stringify([reuseKey, gpus]));
      let isBuilt = false;
      try {
        const record = await run({ grant, worker });
        isBuilt = true;
        return record;
      } finally {
        const isPassedOn = await worker?.close(() => isBuilt && grant.passOn());
        if (isPassedOn !== true) grant.release();
      }
    } finally {
      turn.release();
    }
  }

  function measure(work: Work, seconds: number, evidence: Readonly<Record<string, Json>>): void {
    if (evidence.seconds_before !== undefined || evidence.gpu_share !== undefined) return;
    const { peak_memory: memory, peak_gpu_memory: gpu, cpu_share: used } = evidence;
    const peak = gpu ?? memory;
    const at = new Date().toISOString();
    parts.onMeasured?.({
      ...{ ...work, at, seconds, memory: typeof peak === "number" ? peak : null },
      ...(typeof used === "number" ? { used } : {}),
    });
  }

  /** Waits for something that the first Ctrl-C aborts. Throws Interrupted then. */
  async function waited<T>({ id, kind }: PlannedStep, what: () => string, wait: () => Promise<T>) {
    const report = (): void => parts.emit({ type: "step-wait", step: id, kind: kind.name, for: what() });
    const timer = setTimeout(report, shownAfter).unref();
    try {
      return await wait();
    } catch (error) {
      throw stop.aborted ? new Interrupted(id) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs a step into a staging folder and commits its output. */
  async function buildInto(
    step: PlannedStep,
    { key, ingredients }: BuildArguments[1],
    upstream: BuildArguments[2],
    { force, ...resources }: StepResources & { readonly force: boolean },
  ): Promise<StoreRecord> {
    const pauses = step.kind.pauses?.(step.draft.params) === true;
    // The work folder of a paused step is part of its result: a forced build starts without it.
    if (pauses && force) store.deleteWork(key);
    const before = step.resumesFrom && upstream.get(step.resumesFrom);
    let staged = store.stage(key);
    try {
      for (const one of [key, ...(before === undefined ? [] : [before.key])]) store.refuseForeignWork(one, staged);
      const failed = store.takeFailedCommit(key);
      if (failed !== undefined) {
        store.discard(staged);
        staged = failed.staged;
      }
      const world = { ...parts, ...resources, sources, energy };
      const { evidence, seconds } = failed ?? (await runStep(step, key, staged, upstream, world));
      if (failed === undefined) sources.verify(step);
      const record = await store.commit(staged, {
        ingredients,
        outputs: step.kind.outputs(step.draft.params),
        evidence: { ...evidence, ...(pauses ? paused : {}), ...circumstances(step) },
        seconds,
        force: force || !step.kind.cached,
      });
      const { work } = step.draft.expects ?? {};
      if (work !== undefined && failed === undefined) measure(work, seconds, evidence);
      // The work folder of a paused step is kept for the step that resumes it. That step has copied what it needs once
      // it is built.
      if (!pauses) store.deleteWork(key);
      if (before !== undefined) store.deleteWork(before.key);
      return record;
    } catch (error) {
      store.discard(staged);
      throw error;
    }
  }
}
