import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { paused, type StoreRecord } from "../pipeline/plan/record.ts";
import type { PythonProgram, StepContext } from "../plugins/step.ts";
import type { Digests } from "../store/digest.ts";
import type { Staged, Store } from "../store/store.ts";
import type { Json } from "../util/canonical.ts";
import { UserError } from "../util/user-error.ts";
import { EnergyMeter } from "./energy.ts";
import type { Event } from "./event.ts";
import { gpuCounters } from "./gpu-counters.ts";
import { Interrupted, type Interrupts } from "./interrupt.ts";
import type { PythonProcess } from "./process.ts";
import { type PythonRequest, runPython } from "./python.ts";
import type { StepRunner } from "./scheduler.ts";
import { type Grant, gpuVariables, Slots } from "./slots.ts";
import { SourceSnapshot } from "./source-snapshot.ts";
import { Spent } from "./spent.ts";

const oneTurn = { cores: 1, gpus: 0, memory: 0 };

/** The process that a step has taken over, or leaves to the next of its kin. */
type Kept = { process: PythonProcess | undefined };

/** What real machinery is made of. */
export type Parts = Interrupts & {
  readonly store: Store;
  readonly digests: Digests;
  /** Folder of the exp package: where recipes/ lies. */
  readonly packageRoot: string;
  readonly slots: Slots<PythonProcess>;
  /** Steps at once, at most. */
  readonly jobs: number;
  /** Interpreter of an environment that is as its lock says. Throws UserError with what to do. */
  python(environment: string): string;
  readonly emit: (event: Event) => void;
};

/** How a store is asked what it has; reading alone, for commands that plan. */
export function reader(
  store: Pick<Store, "find" | "record" | "objectDir">,
): Pick<StepRunner, "find" | "peek" | "holds"> {
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
    holds: (step, record) => step.kind.holds?.(step.draft, store.objectDir(record.object)) ?? true,
  };
}

/** Builds steps for real: under the key's lock, within the machine's slots, from a snapshot, into the store. */
export function machinery(plan: Plan, parts: Parts): StepRunner {
  const { store, digests, packageRoot } = parts;
  const frozen = new SourceSnapshot(plan, {
    folder: join(store.root, "work", "snapshots"),
    packageRoot,
    digests,
    claim: store.claim,
  });

  const energy = new EnergyMeter("/sys/class/powercap");
  const turns = new Slots({ cores: parts.jobs, memory: 0, gpus: [] }, () => undefined);
  const reads = reader(store);
  const inLine = new Map<string, Promise<unknown>>();

  return {
    ...reads,
    /** Steps of this process that come to the same key queue here: for other processes' locks they would have to poll. */
    async build(step, known, upstream, options) {
      const before = inLine.get(known.key);
      const mine = Promise.resolve(before?.catch(() => undefined)).then(() => build(step, known, upstream, options));
      inLine.set(known.key, mine);
      try {
        return await mine;
      } finally {
        if (inLine.get(known.key) === mine) inLine.delete(known.key);
      }
    },
  };

  async function build(...[step, known, upstream, { force, begun }]: Parameters<StepRunner["build"]>) {
    const lock = await abortable(step, parts.stop, () => store.lock(known.key, { signal: parts.stop }));
    const pauses = step.kind.pauses?.(step.draft.params) === true;
    try {
      if (step.kind.cached && !force) {
        const hit = store.find(known.key);
        if ("record" in hit && reads.holds(step, hit.record)) return { record: hit.record, reused: true };
      }
      const turn = await abortable(step, parts.stop, () => turns.acquire(oneTurn, parts.stop));
      const grant = await abortable(step, parts.stop, () =>
        parts.slots.acquire(step.draft.needs, parts.stop, step.draft.reuseKey),
      );
      const kept: Kept = { process: grant.gift };
      begun();
      // What a paused step has left is its result: made once more, it begins anew.
      if (pauses && force) store.deleteWork(known.key);
      const failed = store.takeFailedCommit(known.key);
      const staged = failed?.staged ?? store.stage(known.key);
      try {
        const made = failed ?? (await make(step, known.key, staged, { grant, kept }, upstream));
        if (failed === undefined) frozen.verify(step);
        const { evidence, seconds } = made;
        const outputs = step.kind.outputs(step.draft.params);
        const record = await store.commit(staged, {
          ingredients: known.ingredients,
          outputs,
          evidence: pauses ? { ...evidence, ...paused } : evidence,
          seconds,
          force: force || !step.kind.cached,
        });
        // A step that goes on from here needs what is in the work folder; it has taken over what the one before it left.
        if (!pauses) store.deleteWork(known.key);
        const before = step.resumesFrom && upstream.get(step.resumesFrom);
        if (before !== undefined) store.deleteWork(before.key);
        if (kept.process?.alive && grant.passOn(kept.process)) kept.process = undefined;
        return { record, reused: false };
      } catch (error) {
        store.discard(staged);
        throw error;
      } finally {
        await kept.process?.end();
        grant.release();
        turn.release();
      }
    } finally {
      lock.release();
    }
  }

  /** Where a step that paused in the same work has left it, unless that is gone. */
  function earlierWork({ resumesFrom }: PlannedStep, records: ReadonlyMap<PlannedStep, StoreRecord>) {
    const record = resumesFrom && records.get(resumesFrom);
    const dir = record && join(store.root, "work", record.key);
    return dir !== undefined && existsSync(dir) ? { earlier: dir } : {};
  }

  /** Runs the step with its outputs going to the staged folder; gives what it learnt about itself, and its seconds. */
  async function make(
    step: PlannedStep,
    key: string,
    staged: Staged,
    { grant, kept }: { readonly grant: Grant<PythonProcess>; readonly kept: Kept },
    upstream: ReadonlyMap<PlannedStep, StoreRecord>,
  ): Promise<{ readonly evidence: Readonly<Record<string, Json>>; readonly seconds: number }> {
    const { draft } = step;
    const spent = new Spent(join(store.root, "work", key));
    const evidence: Record<string, Json> = {};
    const inputs: Record<string, string> = {};
    for (const [name, from] of Object.entries(step.upstream)) {
      inputs[name] = join(store.objectDir((upstream.get(from.step) as StoreRecord).object), from.file);
    }
    const sources = Object.fromEntries(Object.keys(draft.sources).map((name) => [name, frozen.source(step, name)]));
    const context: StepContext = {
      output: staged.dir,
      get work() {
        return store.workDir(key);
      },
      hasInput: (name) => name in inputs,
      hasSource: (name) => name in sources,
      input: (name) => inputs[name] as string,
      source: (name) => sources[name] as string,
      localPath: (name) => draft.localPaths[name] as string,
      hint: (name) => draft.hints[name],
      secret: (name) => process.env[name],
      progress(progress) {
        spent.note();
        parts.emit({ type: "progress", step: step.id, ...progress });
      },
      evidence: (values) => void Object.assign(evidence, values),
      async pause() {
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (parts.stop.aborted) throw new Interrupted(step.id);
      },
      cores: grant.cores,
      signal: parts.stop,
      async python(program) {
        // What several nodes took, this one cannot tell; a shared GPU's counter does not tell whose it was.
        const isHere = !(Number(draft.hints.nodes ?? 1) > 1);
        const own = isHere && grant.gpuShare === 1 ? grant.gpus.map(({ uuid }) => uuid) : [];
        const measuring = await energy.begin(own, (uuids) =>
          gpuCounters(parts.python(program.environment), packageRoot, uuids),
        );
        let told: Readonly<Record<string, Json>> = {};
        try {
          told = await runPython(request(program), control);
        } finally {
          const taken = await measuring.end();
          if (isHere && Object.keys(taken).length > 0) told = { ...told, energy: taken };
        }
        Object.assign(evidence, told);
      },
    };
    const request = ({ module, environment, network, secrets }: PythonProgram): PythonRequest => ({
      python: parts.python(environment),
      code: frozen.code,
      environment,
      module,
      step: step.id,
      params: { ...(draft.params as Record<string, Json>), ...draft.hints },
      inputs,
      localPaths: { ...draft.localPaths, ...earlierWork(step, upstream) },
      output: staged.dir,
      work: context.work,
      cores: grant.cores,
      ...(network === undefined ? {} : { network }),
      ...(secrets === undefined ? {} : { secrets }),
      variables: gpuVariables(grant.gpus),
    });
    const control = {
      stop: parts.stop,
      kill: parts.kill,
      log: join(store.root, "logs", `${step.id}-${key.slice(0, 8)}.log`),
      onProgress: context.progress,
      ...(draft.reuseKey === undefined ? {} : { kept }),
    };
    rmSync(control.log, { force: true });
    try {
      await step.kind.run(draft.params, context);
    } catch (error) {
      spent.note({ now: true });
      throw error instanceof UserError ? frozen.asWritten(step, error) : error;
    }
    if (spent.before > 0) {
      evidence.seconds_before = spent.before;
      // Counters were read in this try alone: what they tell is not what the step took.
      delete evidence.energy;
    }
    // Time and memory of a step that had a neighbour are not those that it would have had alone.
    if (grant.gpus.length > 0 && grant.gpuShare < 1) evidence.gpu_share = grant.gpuShare;
    return { evidence, seconds: spent.seconds };
  }
}

/** Waits for something that the first Ctrl-C gives up on. */
async function abortable<T>(step: PlannedStep, stop: AbortSignal, wait: () => Promise<T>): Promise<T> {
  try {
    return await wait();
  } catch (error) {
    throw stop.aborted ? new Interrupted(step.id) : error;
  }
}
