import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { buildPlan } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Draft, StepKind } from "../plugins/step.ts";
import { UserError } from "../util/user-error.ts";
import { assess } from "./assess.ts";
import type { Event } from "./event.ts";
import { Interrupted } from "./interrupt.ts";
import { execute, type StepRunner } from "./scheduler.ts";

const kind = (name: string, cached: boolean): StepKind => ({
  name,
  version: 1,
  cached,
  outputs: () => ["out"],
  run: async () => {},
});
const kinds = new Map([kind("step", true), { ...kind("guard", false), currentFor: 1 }].map((one) => [one.name, one]));

/** "b < a, guard?": step b reads a and comes after the guard. */
function planOf(...lines: string[]): Plan {
  const drafts = lines.map((line): Draft => {
    const [id = "", needs = ""] = line.split(" < ");
    const names = needs.split(", ").filter(Boolean);
    const inputs = names.filter((name) => !name.endsWith("?"));
    return {
      id,
      kind: id.startsWith("guard") ? "guard" : "step",
      params: { id },
      sources: {},
      inputs: Object.fromEntries(inputs.map((name) => [name, { step: name, file: "out" }])),
      localPaths: {},
      hints: {},
      after: names.filter((name) => name.endsWith("?")).map((name) => name.slice(0, -1)),
      needs: { cores: 1, gpus: 0, memory: 0 },
    };
  });
  return buildPlan([{ experiment: "e", role: "final", coordinates: "", drafts }], kinds, () => "");
}

/** A store in memory, and simulated steps. */
class Rig implements StepRunner {
  readonly stored = new Map<string, StoreRecord>();
  readonly events: Event[] = [];
  readonly stop = new AbortController();
  readonly built: string[] = [];
  does: Readonly<Record<string, () => Promise<void> | void>> = {};
  waits: Readonly<Record<string, Promise<unknown>>> = {};
  version: Readonly<Record<string, string>> = {};
  gone: ReadonlySet<string> = new Set();

  find = (key: string) => {
    const record = this.stored.get(key);
    return record === undefined ? { miss: "never built" } : { record };
  };
  peek = (key: string) => this.stored.get(key);
  holds = (step: PlannedStep) => !this.gone.has(step.id);
  current: ReadonlySet<string> = new Set();
  isCurrent = (step: PlannedStep) => this.current.has(step.id);
  build: StepRunner["build"] = async (step, { key, ingredients }, _upstream, { begun }) => {
    this.built.push(step.id);
    await this.waits[step.id];
    begun();
    await this.does[step.id]?.();
    const sha256 = `${step.id}${this.version[step.id] ?? ""}`;
    const files = { out: { sha256, size: 1 } };
    const record: StoreRecord = {
      schema: 2,
      key,
      ingredients,
      object: "",
      files,
      evidence: {},
      created: "",
      seconds: 0,
    };
    this.stored.set(key, record);
    return { record, reused: false };
  };

  async run(plan: Plan, options: { force?: string; keepGoing?: boolean } = {}): Promise<Record<string, string>> {
    this.built.length = 0;
    const outcomes = await execute(plan, this, {
      emit: (event) => this.events.push(event),
      stop: this.stop.signal,
      force: (step) => step.id === options.force,
      keepGoing: options.keepGoing ?? false,
    });
    return Object.fromEntries(
      [...outcomes].map(([step, end]) => [step.id, end.status === "skipped" ? `skipped: ${end.because}` : end.status]),
    );
  }
}

const chain = () => planOf("a", "b < a", "c < b");
const fail = () => {
  throw new UserError("broken", "it broke");
};

describe("execute", () => {
  it("builds every step once, after its inputs, and then nothing", async () => {
    const rig = new Rig();
    expect(await rig.run(chain())).toEqual({ a: "built", b: "built", c: "built" });
    expect(rig.built).toEqual(["a", "b", "c"]);
    expect(await rig.run(chain())).toEqual({ a: "reused", b: "reused", c: "reused" });
    expect(rig.built).toEqual([]);
  });

  it("a forced step invalidates others only if its bytes change", async () => {
    const rig = new Rig();
    await rig.run(chain());
    expect(await rig.run(chain(), { force: "a" })).toEqual({ a: "built", b: "reused", c: "reused" });
    rig.version = { a: "!" };
    expect(await rig.run(chain(), { force: "a" })).toEqual({ a: "built", b: "built", c: "reused" });
  });

  it("builds a step again if its files outside the store are missing", async () => {
    const rig = new Rig();
    await rig.run(chain());
    rig.gone = new Set(["a"]);
    expect(await rig.run(chain())).toEqual({ a: "built", b: "reused", c: "reused" });
  });

  it("reports the seconds of a step without its wait for resources", async () => {
    const rig = new Rig();
    rig.waits = { a: sleep(200) };
    rig.does = { b: () => sleep(200) };
    await rig.run(planOf("a", "b"));
    const seconds = Object.fromEntries(
      rig.events.flatMap((event) => (event.type === "step-end" ? [[event.step, event.seconds]] : [])),
    );
    expect(seconds.b).toBeGreaterThan(0.19);
    expect(seconds.a).toBeLessThan(seconds.b as number);
  });

  it("runs independent steps at the same time", async () => {
    const rig = new Rig();
    let open = () => {};
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    rig.does = { a: () => both, b: open };
    expect(await rig.run(planOf("a", "b"))).toEqual({ a: "built", b: "built" });
  });
});

describe("a guard", () => {
  const guarded = () => planOf("rows", "guard < rows", "train < rows, guard?", "other < rows");

  it("runs before a guarded step that is a miss", async () => {
    const rig = new Rig();
    await rig.run(guarded());
    expect(rig.built.indexOf("guard")).toBeLessThan(rig.built.indexOf("train"));
  });

  it("does not run for a cached step", async () => {
    const rig = new Rig();
    await rig.run(guarded());
    expect(await rig.run(guarded())).toEqual({ rows: "reused", guard: "reused", train: "reused", other: "reused" });
  });

  it("does not run again while its result counts", async () => {
    const rig = new Rig();
    await rig.run(guarded());
    for (const [key, record] of rig.stored) if (record.files.out?.sha256 === "train") rig.stored.delete(key);
    rig.current = new Set(["guard"]);
    const status = (plan: Plan) =>
      [...assess(plan, rig, () => undefined)].map(([step, { status }]) => [step.id, status]);
    expect(Object.fromEntries(status(guarded()))).toMatchObject({ guard: "cached", train: "run" });
    expect(await rig.run(guarded())).toMatchObject({ guard: "reused", train: "built" });
  });

  it("blocks only the guarded steps if it fails", async () => {
    const rig = new Rig();
    rig.does = { guard: fail };
    const ends = await rig.run(guarded(), { keepGoing: true });
    expect(ends).toEqual({ rows: "built", guard: "failed", train: "skipped: guard", other: "built" });
  });
});

describe("a failure", () => {
  it("skips the steps that need the failed one, and names it", async () => {
    const rig = new Rig();
    rig.does = { b: fail };
    expect(await rig.run(chain())).toEqual({ a: "built", b: "failed", c: "skipped: b" });
    const end = rig.events.find((event) => event.type === "step-end" && event.step === "b");
    expect(end).toMatchObject({ status: "failed", error: { code: "broken", message: "it broke" } });
  });

  it("starts no other step, except with keepGoing", async () => {
    const plan = () => planOf("a", "slow", "late < slow");
    const rig = new Rig();
    rig.does = { a: fail, slow: () => new Promise((resolve) => setTimeout(resolve, 10)) };
    expect(await rig.run(plan())).toEqual({ a: "failed", slow: "built", late: "skipped: a" });
    expect(await rig.run(plan(), { keepGoing: true })).toEqual({ a: "failed", slow: "reused", late: "built" });
  });

  it("of exp itself is rethrown", async () => {
    const rig = new Rig();
    rig.does = {
      a: () => {
        throw new TypeError("a bug");
      },
    };
    await expect(rig.run(chain())).rejects.toThrow("a bug");
  });
});

it("an interrupt skips the other steps, and a later run builds them", async () => {
  const rig = new Rig();
  rig.does = {
    b: () => {
      rig.stop.abort();
      throw new Interrupted("b");
    },
  };
  expect(await rig.run(chain())).toEqual({ a: "built", b: "skipped: interrupted", c: "skipped: interrupted" });
});

it("every step ends exactly once", async () => {
  const rig = new Rig();
  await rig.run(planOf("a", "b < a", "guard < a", "c < b, guard?"));
  const ends = rig.events.flatMap((event) => (event.type === "step-end" ? [event.step] : []));
  expect(ends.toSorted()).toEqual(["a", "b", "c", "guard"]);
});

describe("assess", () => {
  it("finds what is cached, what will run and what depends on that", async () => {
    const rig = new Rig();
    const judge = () =>
      [...assess(planOf("a", "b < a", "guard < a", "c < b, guard?"), rig, () => undefined)].map(
        ([step, { status, reason }]) => [step.id, status, reason],
      );
    expect(judge()).toEqual([
      ["a", "run", "never built"],
      ["b", "depends", "depends on a: out"],
      ["guard", "depends", "guards c"],
      ["c", "depends", "depends on b: out"],
    ]);
    await rig.run(planOf("a", "b < a", "guard < a", "c < b, guard?"));
    expect(judge().map(([, status]) => status)).toEqual(["cached", "cached", "cached", "cached"]);
  });
});
