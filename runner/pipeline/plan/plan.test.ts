import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Draft, StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { canonicalJson } from "../../util/canonical.ts";
import { buildPlan, type DraftedRun, upTo } from "./build.ts";
import { firstDifference } from "./explain.ts";
import { digestIn, identify, keyOf } from "./identity.ts";
import type { Ingredients, StoreRecord } from "./record.ts";

const kind = (name: string, version = 1): StepKind => ({
  name,
  version,
  cached: true,
  outputs: () => ["out"],
  run: async () => {},
});
const kinds = new Map(["a", "b", "guard"].map((name) => [name, kind(name)]));

const draft = (id: string, more: Partial<Draft> = {}): Draft => ({
  id,
  kind: id.split(".")[0] as string,
  params: {},
  sources: {},
  inputs: {},
  localPaths: {},
  hints: {},
  after: [],
  needs: { cores: 1, gpus: 0, memory: 0 },
  ...more,
});

const run = (drafts: readonly Draft[], coordinates = ""): DraftedRun => ({
  experiment: "e",
  role: "final",
  coordinates,
  drafts,
});
const plan = (...drafts: Draft[]) => buildPlan([run(drafts)], kinds, (path) => `digest of ${path}`);
const stepId = (...drafts: Draft[]) => plan(...drafts).steps.at(-1)?.stepId;

/** JSON values and the same values with every map written in another order. */
const shuffled = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  );
};

const ingredients: Ingredients = {
  kind: "train",
  version: 1,
  params: { rank: 16, alpha: 32, layers: { last: 10 } },
  sources: { "recipes/train.py": "1", "lock of torchtune": "2" },
  inputs: { train: "3", model: "4" },
};

it("a step that several runs share has the hints of all of them, if its kind joins hints", () => {
  const joining: StepKind = { ...kind("a"), joinHints: (one, other) => ({ uses: [one, other] }) };
  const runs = [run([draft("a", { hints: { use: 1 } })]), run([draft("a", { hints: { use: 2 } })], "x=2")];
  const joined = buildPlan(runs, new Map([["a", joining]]), (path) => path);
  expect(joined.steps.map((step) => step.draft.hints)).toEqual([{ uses: [{ use: 1 }, { use: 2 }] }]);
  expect(buildPlan(runs, kinds, (path) => path).steps.map((step) => step.draft.hints)).toEqual([{ use: 1 }]);
});

it("runs that share a draft share its step only if the steps before it are the same", () => {
  const shared = draft("b", { inputs: { x: { step: "a", file: "out" } } });
  const of = (rank: number) => run([draft("a", { params: { rank } }), shared], `rank=${rank}`);
  const { runs } = buildPlan([of(1), of(2), of(2), of(1)], kinds, () => "");
  const ids = runs.map(({ steps }) => steps.get("b")?.stepId);
  expect(ids).toEqual([ids[0], ids[1], ids[1], ids[0]]);
  expect(ids[0]).not.toBe(ids[1]);
});

describe("a key", () => {
  it("does not depend on the order in which maps are written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (params) => {
        const value = params as Json;
        expect(keyOf({ ...ingredients, params: shuffled(value) })).toBe(keyOf({ ...ingredients, params: value }));
      }),
    );
  });

  it("differs whenever the values differ", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same =
          JSON.stringify(shuffled(JSON.parse(canonicalJson(a as Json)))) ===
          JSON.stringify(shuffled(JSON.parse(canonicalJson(b as Json))));
        expect(keyOf({ ...ingredients, params: a as Json }) === keyOf({ ...ingredients, params: b as Json })).toBe(
          same,
        );
      }),
    );
  });

  it.each([
    [{ version: 2 }],
    [{ kind: "other" }],
    [{ params: { ...(ingredients.params as object), rank: 8 } }],
    [{ sources: { ...ingredients.sources, "recipes/train.py": "x" } }],
    [{ inputs: { ...ingredients.inputs, train: "x" } }],
  ])("depends on %j", (change) => {
    expect(keyOf({ ...ingredients, ...change })).not.toBe(keyOf(ingredients));
  });

  it("rejects values that JSON does not have", () => {
    expect(() => canonicalJson({ rate: Number.NaN })).toThrow(TypeError);
    expect(() => canonicalJson({ rate: undefined } as unknown as Json)).toThrow(TypeError);
  });
});

describe("a stepId", () => {
  it("is deep: a change upstream changes everything below it", () => {
    const below = draft("b", { inputs: { rows: { step: "a", file: "out" } } });
    expect(stepId(draft("a"), below)).toBe(stepId(draft("a"), below));
    expect(stepId(draft("a", { params: { seed: 2 } }), below)).not.toBe(stepId(draft("a"), below));
    expect(stepId(draft("a", { sources: { data: "/elsewhere" } }), below)).not.toBe(stepId(draft("a"), below));
  });

  it("does not depend on paths, hints, needs and order", () => {
    const moved = draft("a", {
      localPaths: { model: "/models" },
      hints: { batch_size: 4 },
      needs: { cores: 8, gpus: 1, memory: 5 },
    });
    expect(stepId(moved)).toBe(stepId(draft("a")));
    expect(stepId(draft("guard"), draft("a", { after: ["guard"] }))).toBe(stepId(draft("guard"), draft("a")));
  });
});

describe("a plan", () => {
  it("has a shared step once, and distinct ids for steps that differ", () => {
    const arm = (rank: number) => [
      draft("a"),
      draft("b", { params: { rank }, inputs: { rows: { step: "a", file: "out" } } }),
    ];
    const { steps, runs } = buildPlan([run(arm(8), "rank=8"), run(arm(16), "rank=16")], kinds, () => "");
    expect(steps.map(({ id }) => id.replace(/@[0-9a-f]{8}$/, "@"))).toEqual(["a", "b@", "b@"]);
    expect(new Set(steps.map(({ id }) => id)).size).toBe(3);
    expect(runs[0]?.steps.get("a")).toBe(runs[1]?.steps.get("a"));
  });

  it("orders steps topologically, and ends at a given step", () => {
    const all = plan(
      draft("b", { inputs: { rows: { step: "a", file: "out" } }, after: ["guard"] }),
      draft("a"),
      draft("guard"),
    );
    expect(all.steps.map(({ id }) => id)).toEqual(["a", "guard", "b"]);
    const part = upTo(all, ({ id }) => id === "a");
    expect(part.steps.map(({ id }) => id)).toEqual(["a"]);
    expect([...(part.runs[0]?.steps.keys() ?? [])]).toEqual(["a"]);
  });

  it("refuses drafts that contradict each other", () => {
    const loop = [
      draft("a", { inputs: { x: { step: "b", file: "out" } } }),
      draft("b", { inputs: { x: { step: "a", file: "out" } } }),
    ];
    expect(() => plan(...loop)).toThrow(/needs itself/);
    expect(() => plan(draft("a", { after: ["b"] }))).toThrow(/no step "b"/);
    expect(() => plan(draft("a"), draft("a"))).toThrow(/same name/);
  });
});

describe("identify", () => {
  const record = (files: Record<string, string>): StoreRecord => ({
    schema: 2,
    key: "k",
    ingredients,
    object: "o",
    files: Object.fromEntries(Object.entries(files).map(([name, sha256]) => [name, { sha256, size: 1 }])),
    evidence: {},
    created: "",
    seconds: 0,
  });

  it("waits for upstream bytes, and depends on nothing else of them", () => {
    const [a, b] = plan(draft("a"), draft("b", { inputs: { rows: { step: "a", file: "out" } } })).steps;
    expect(identify(b as never, () => undefined)).toMatchObject({ waitsFor: a, file: "out" });
    const first = identify(b as never, () => record({ out: "1", other: "2" }));
    expect(identify(b as never, () => record({ out: "1", other: "3" }))).toEqual(first);
    expect(identify(b as never, () => record({ out: "9" }))).not.toEqual(first);
  });

  it("digests a folder by the names and bytes of its files", () => {
    const folder = record({ "adapter/a": "1", "adapter/b": "2", "train.json": "3" });
    expect(digestIn(folder, "adapter/")).toBe(digestIn(record({ "adapter/b": "2", "adapter/a": "1" }), "adapter/"));
    expect(digestIn(folder, "adapter/")).not.toBe(digestIn(record({ "adapter/a": "2", "adapter/b": "1" }), "adapter/"));
    expect(() => digestIn(folder, "merged/")).toThrow(/merged/);
  });
});

describe("firstDifference", () => {
  it.each<[Partial<Ingredients>, string]>([
    [{ params: { rank: 8, alpha: 32, layers: { last: 10 } } }, "rank: 16 -> 8"],
    [{ params: { rank: 16, alpha: 32, layers: null } }, 'layers: {"last":10} -> null'],
    [{ params: { rank: 16, layers: { last: 10 } } }, "alpha: 32 -> (absent)"],
    [{ sources: { ...ingredients.sources, "recipes/train.py": "x" } }, "recipes/train.py changed"],
    [{ sources: { "lock of torchtune": "2" } }, "recipes/train.py was removed"],
    [{ inputs: { ...ingredients.inputs, train: "x" } }, "upstream train changed"],
    [{ version: 2 }, "version of the train step: 1 -> 2"],
  ])("names %j", (change, words) => {
    expect(firstDifference(ingredients, { ...ingredients, ...change })).toBe(words);
  });

  it("is undefined for equal ingredients", () => {
    expect(firstDifference(ingredients, structuredClone(ingredients))).toBeUndefined();
  });
});
