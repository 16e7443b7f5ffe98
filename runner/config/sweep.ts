import { posix } from "node:path";
import { drawOrder } from "../evaluation/statistics/parzen.ts";
import { judgeScore, measuredMetrics } from "../plugins/metrics/own-metric.ts";
import { defaultTask, rankingMetrics, tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import type { Diagnostic, Result, Span } from "../util/diagnostic.ts";
import { freezeSorted } from "./complete.ts";
import type { Halving } from "./halving.ts";
import { find, type MapNode, type Node, plain, put, type Value } from "./node.ts";
import { currentSweepSchema, type Schema, type Select } from "./schema.ts";
import { checkPath, settingSource } from "./set.ts";
import type { Tpe } from "./tpe.ts";
import { translate } from "./translate.ts";
import { sweepErrors } from "./validator.ts";

const maxPoints = 10_000;
/** A plan of `strategy: tpe` contains every setting, because each may be proposed. */
const maxTpePoints = 1_000;
/** Maximum number of characters in the coordinates of all points. */
const maxCharacters = 20_000_000;

/**
 * One run of a sweep. `coordinates` names the keys that vary: "train.rank=8,train.method=lora"; empty without a sweep.
 */
type SweepPoint = {
  readonly coordinates: string;
  /** The same without the keys of `repeat`. Scores of runs with the same setting are averaged. */
  readonly setting: string;
  /** Dotted key -> value at this point, also of keys with one value. */
  readonly values: Readonly<Record<string, Value>>;
  readonly root: MapNode;
};

/** The expanded `sweep` of a file. */
export type Sweep = {
  readonly points: readonly SweepPoint[];
  /** The keys of `repeat`. */
  readonly repeated: readonly string[];
  readonly select: Select | undefined;
  /** Present for `strategy: halving`, with the span of that key. */
  readonly halving?: Halving & { readonly key: Span };
  /** Present for `strategy: tpe`, with the span of that key. */
  readonly tpe?: Tpe & { readonly key: Span };
};

type Axis = readonly (readonly Choice[])[];
type Choice = { readonly name: string; readonly key: Span; readonly node: Node; readonly varies: boolean };

/** Expands `sweep` over the rest of the file. A file without a sweep is a single point. */
export function expandSweep(base: MapNode, node: Node | undefined, key: Span | undefined): Result<Sweep> {
  if (node === undefined || key === undefined) {
    const point = { coordinates: "", setting: "", values: {}, root: base };
    return { ok: true, value: { points: [point], repeated: Object.freeze([]), select: undefined }, warnings: [] };
  }
  const value = plain(node);
  const errors = sweepErrors(value);
  if (errors.length > 0) {
    const holder = put({ kind: "map", span: key, entries: new Map() }, ["sweep"], node, key);
    const inside = errors.map((one) => ({ ...one, instancePath: `/sweep${one.instancePath}` }));
    const schema: Schema = { type: "object", properties: { sweep: currentSweepSchema() } };
    return { ok: false, diagnostics: translate(inside, holder, schema) };
  }
  const diagnostics: Diagnostic[] = [];
  const fail = (code: string, message: string, span: Span, help: string) => {
    diagnostics.push({ severity: "error", code, message, span, help });
  };
  const parts = node.kind === "map" ? node.entries : new Map();
  const grid = choicesOf(parts.get("grid")?.node);
  const zip = choicesOf(parts.get("zip")?.node);
  const repeat = choicesOf(parts.get("repeat")?.node);
  const all = [...grid, ...zip, ...repeat];
  const seen = new Map<string, Span>();
  for (const [{ name, key: place } = { name: "", key }] of all) {
    const wrong = checkPath(name.split("."), place);
    if (wrong !== undefined) diagnostics.push(wrong);
    if (name === "name") fail("sweep-conflict", "all runs of a sweep have the same name", place, "vary another key");
    const set = find(base, name.split("."))?.key;
    if (set?.source.path === settingSource) fail("sweep-conflict", `the sweep varies ${name}`, set, "edit the sweep");
    for (const other of seen.keys()) {
      if (other === name || other.startsWith(`${name}.`) || name.startsWith(`${other}.`)) {
        fail("sweep-conflict", `the sweep already varies ${other}`, place, "name each key once");
      }
    }
    seen.set(name, place);
  }
  if (all.length === 0)
    fail("empty-sweep", "the sweep varies no key", key, "add grid, zip or repeat with lists of values");
  const lengths = new Set(zip.map((choices) => choices.length));
  if (lengths.size > 1) {
    const place = (parts.get("zip") as { key: Span }).key;
    const counts = zip.map((choices) => `${choices[0]?.name} has ${choices.length}`).join(", ");
    fail(
      "zip-lengths",
      `the lists of zip differ in length: ${counts}`,
      place,
      "give each key the same number of values",
    );
  }
  const axes = orderedAxes(node, { grid, zip, repeat });
  for (const axis of axes) {
    const values = axis.map((choices) => comparable(choices.map((choice) => plain(choice.node))));
    const again = values.findIndex((value, at) => values.indexOf(value) < at);
    const [repeats] = axis[again] ?? [];
    if (repeats === undefined) continue;
    const first = values.indexOf(values[again] as string) + 1;
    const names = (axis[again] as readonly Choice[]).map(({ name }) => name).join(" with ");
    const message = `${names} repeats a value: items ${first} and ${again + 1} are equal`;
    fail("out-of-range", message, repeats.node.span, "write each value once: equal runs are not independent");
  }
  const count = axes.reduce((product, axis) => product * axis.length, 1);
  if (count > maxPoints) fail("too-many-points", `the sweep has ${count} points`, key, `the limit is ${maxPoints}`);
  else if (charactersOf(axes, count) > maxCharacters) {
    const message = `the coordinates of its ${count} points have more than ${maxCharacters} characters`;
    fail("sweep-too-large", message, key, "vary fewer keys at once, or put long texts into files and vary their paths");
  }
  const { trials, seed = 1, select } = value as Written;
  const placeOf = (part: string): Span => parts.get(part)?.key ?? key;
  const halving = checkStrategy(value as Written, [...seen.keys()], placeOf, fail);
  const excluded = excludes(parts.get("exclude")?.node, seen, fail);
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const repeated: readonly string[] = Object.freeze(repeat.map((choices) => choices[0]?.name ?? ""));
  const left = product(axes)
    .map((choices) => pointOf(base, choices, repeated))
    .filter(
      ({ values }) =>
        !excluded.some((entry) => entry.every(([name, wanted]) => JSON.stringify(values[name]) === wanted)),
    );
  const task = taskNamed(base);
  const own = ownMetricNames(base);
  const ranking = [...own, ...rankingMetrics(task.metrics)];
  if (select?.metric !== undefined && !ranking.includes(select.metric)) {
    const message = task.metrics.has(select.metric)
      ? `${select.metric} has no best direction: it cannot select`
      : `task ${task.name} has no metric ${select.metric}`;
    fail("task-unsupported", message, placeOf("select"), `use one of ${ranking.join(", ")}`);
    return { ok: false, diagnostics };
  }
  const selecting = select && { ...task.defaults.primary, ...primaryOf(base, task, own), ...select };
  if (selecting?.metric === judgeScore && find(base, ["evaluate", "judge", "ratings"]) === undefined) {
    const help = "add evaluate.judge.ratings: answers that people rated, so that its agreement with people is measured";
    fail("unrated-judge", `${judgeScore} without ratings cannot select`, placeOf("select"), help);
    return { ok: false, diagnostics };
  }
  const tpe = (value as Written).strategy === "tpe" ? tpeOf(value as Written, seed) : undefined;
  const points = trials === undefined || tpe !== undefined ? left : sample(left, trials, seed);
  if (tpe !== undefined && points.length > maxTpePoints) {
    const message = `\`strategy: tpe\` searches at most ${maxTpePoints} points, and the sweep has ${points.length}`;
    fail("too-many-points", message, placeOf("strategy"), "declare fewer values of a key, or use strategy: random");
    return { ok: false, diagnostics };
  }
  if (points.length === 0) {
    fail(
      "empty-sweep",
      "exclude removes every point of the sweep",
      parts.get("exclude")?.key ?? key,
      "exclude fewer points",
    );
    return { ok: false, diagnostics };
  }
  return {
    ok: true,
    value: {
      points,
      repeated,
      select: selecting && Object.freeze(selecting),
      ...(halving === undefined ? {} : { halving: { ...halving, key: placeOf("strategy") } }),
      ...(tpe === undefined ? {} : { tpe: { ...tpe, key: placeOf("strategy") } }),
    },
    warnings: [],
  };
}

/** The task that the file names; the default task if it names none or an unknown one. */
function taskNamed(base: MapNode): Task {
  const node = base.entries.get("task")?.node;
  const name = node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
  return (name === undefined ? undefined : tasks.find(name)) ?? defaultTask();
}

/** Names of the metrics that the file brings: `evaluate.metrics`, `evaluate.judge` and `evaluate.embedding`. */
function ownMetricNames(base: MapNode): readonly string[] {
  const node = find(base, ["evaluate", "metrics"])?.node;
  const names = (node?.kind === "list" ? node.items : []).flatMap((item) => {
    const name = item.kind === "map" ? item.entries.get("name")?.node : undefined;
    return name?.kind === "scalar" && typeof name.value === "string" ? [name.value] : [];
  });
  const has = (key: string) => (find(base, ["evaluate", key]) === undefined ? {} : { [key]: {} });
  return [...names, ...measuredMetrics({ ...has("judge"), ...has("embedding") })];
}

/**
 * The part of `evaluate.primary` that the file writes and the task supports. A sweep selects by it unless `select`
 * names another.
 */
function primaryOf(base: MapNode, { metrics, views }: Task, own: readonly string[]): Partial<Select> {
  const value = (key: keyof Select): string => {
    const node = find(base, ["evaluate", "primary", key])?.node;
    return node?.kind === "scalar" ? String(node.value) : "";
  };
  const [metric, view] = [value("metric"), value("view") as Select["view"]];
  return {
    ...(metrics.has(metric) || own.includes(metric) ? { metric } : {}),
    ...(views.includes(view) ? { view } : {}),
  };
}

type Written = Partial<Halving & Omit<Tpe, "seed">> & {
  readonly strategy?: "grid" | "random" | "halving" | "tpe";
  readonly seed?: number;
  readonly select?: Partial<Select>;
};

type Fail = (code: string, message: string, span: Span, help: string) => void;

/** Checks the keys that depend on the strategy. Returns the parameters of halving, if it is the strategy. */
function checkStrategy(
  { strategy = "grid", trials, select, eta, min_epochs, startup, parallel }: Written,
  varied: readonly string[],
  placeOf: (part: string) => Span,
  fail: Fail,
): Halving | undefined {
  const draws = strategy === "random" || strategy === "tpe";
  if (draws && trials === undefined) {
    const message = `\`strategy: ${strategy}\` requires \`trials\``;
    fail("sweep-strategy", message, placeOf("strategy"), `set both strategy: ${strategy} and trials: 8, or neither`);
  }
  if (strategy === "grid" && trials !== undefined) {
    const help = "set both strategy: random and trials: 8, or neither";
    fail("sweep-strategy", "`trials` applies to `strategy: random` and `strategy: tpe` only", placeOf("trials"), help);
  }
  if (strategy === "tpe" && select === undefined) {
    const message = "`strategy: tpe` requires `select`: it proposes settings by scores on validation rows";
    fail("sweep-strategy", message, placeOf("strategy"), "add select: {}, or select: {metric: NAME}");
  }
  if (strategy !== "tpe") {
    for (const [part, given] of Object.entries({ startup, parallel })) {
      if (given === undefined) continue;
      const help = "set strategy: tpe, or remove it";
      fail("sweep-strategy", `\`${part}\` applies to \`strategy: tpe\` only`, placeOf(part), help);
    }
  }
  if (strategy !== "halving") {
    for (const [part, given] of Object.entries({ eta, min_epochs })) {
      if (given === undefined) continue;
      const help = "set strategy: halving, or remove it";
      fail("sweep-strategy", `\`${part}\` applies to \`strategy: halving\` only`, placeOf(part), help);
    }
    return undefined;
  }
  if (select === undefined) {
    const message = "`strategy: halving` requires `select`: it compares settings by their scores on validation rows";
    fail("sweep-strategy", message, placeOf("strategy"), "add select: {}, or select: {metric: NAME}");
  }
  const epochs = ["train", "train.epochs", "train.max_steps"].find((name) => varied.includes(name));
  if (epochs !== undefined) {
    const message = `halving sets the epochs, so the sweep cannot vary ${epochs}`;
    fail("sweep-strategy", message, placeOf("strategy"), "give every setting the same train.epochs");
  }
  return { eta: eta ?? 2, min_epochs: min_epochs ?? 1 };
}

const tpeOf = ({ trials = 1, startup = 5, parallel = 1 }: Written, seed: number): Tpe => {
  return { trials, startup, parallel, seed };
};

/** A random sample of settings, in the order of the sweep. A new value of a key replaces few settings. */
function sample(points: readonly SweepPoint[], trials: number, seed: number): readonly SweepPoint[] {
  const names = [...new Set(points.map(({ setting }) => setting))];
  const kept = new Set(drawOrder(names, seed).slice(0, trials));
  return points.filter(({ setting }) => kept.has(setting));
}

/** The values of each key, as choices. */
function choicesOf(node: Node | undefined): readonly (readonly Choice[])[] {
  if (node?.kind !== "map") return [];
  return [...node.entries].map(([name, { key, node: list }]) => {
    const items = list.kind === "list" ? list.items : [];
    const varies = new Set(items.map((item) => JSON.stringify(plain(item)))).size > 1;
    return items.map((item) => ({ name, key, node: item, varies }));
  });
}

/** One axis for each key of grid and repeat, one for all of zip, in the order of the file. */
function orderedAxes(
  node: Node,
  parts: Record<"grid" | "zip" | "repeat", readonly (readonly Choice[])[]>,
): readonly Axis[] {
  const order = node.kind === "map" ? [...node.entries.keys()] : [];
  return order.flatMap((name): readonly Axis[] => {
    if (name === "zip") {
      const rows = parts.zip[0]?.map((_, index) => parts.zip.flatMap((choices) => choices[index] ?? []));
      return rows === undefined ? [] : [rows];
    }
    if (name === "grid" || name === "repeat") return parts[name].map((choices) => choices.map((choice) => [choice]));
    return [];
  });
}

/** A value as a text that equal values share: the order of keys and spellings of a path do not count. */
function comparable(value: Value): string {
  return JSON.stringify(freezeSorted(value), (_, one: Value) =>
    typeof one === "string" && one.includes("/") ? posix.normalize(one) : one,
  );
}

/** Number of characters in the coordinates of all points. */
function charactersOf(axes: readonly Axis[], count: number): number {
  const lengths = axes.map((axis) => {
    const characters = axis
      .flat()
      .reduce((sum, { name, node }) => sum + name.length + shown(plain(node)).length + 2, 0);
    return (characters * count) / axis.length;
  });
  return lengths.reduce((sum, length) => sum + length, 0);
}

function product(axes: readonly Axis[]): readonly (readonly Choice[])[] {
  return axes.reduce<readonly (readonly Choice[])[]>(
    (points, axis) => points.flatMap((point) => axis.map((choices) => [...point, ...choices])),
    [[]],
  );
}

function pointOf(base: MapNode, choices: readonly Choice[], repeated: readonly string[]): SweepPoint {
  const root = choices.reduce<Node>((node, choice) => put(node, choice.name.split("."), choice.node, choice.key), base);
  const values = Object.fromEntries(choices.map(({ name, node }) => [name, freezeSorted(plain(node))]));
  const named = (some: readonly Choice[]): string =>
    some.map(({ name }) => `${name}=${shown(values[name] ?? null)}`).join(",");
  const varied = choices.filter(({ varies }) => varies);
  const chosen = varied.filter(({ name }) => !repeated.includes(name));
  return { coordinates: named(varied), setting: named(chosen), values, root: root as MapNode };
}

function shown(value: Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Entries of `exclude` as pairs of a key and the JSON of its value. Reports keys that the sweep does not vary. */
function excludes(
  node: Node | undefined,
  seen: ReadonlyMap<string, Span>,
  fail: Fail,
): readonly (readonly (readonly [string, string])[])[] {
  if (node?.kind !== "list") return [];
  return node.items.map((item) => {
    if (item.kind !== "map") return [];
    return [...item.entries].map(([name, entry]) => {
      if (!seen.has(name)) {
        fail("unknown-key", `the sweep does not vary "${name}"`, entry.key, `it varies ${[...seen.keys()].join(", ")}`);
      }
      return [name, JSON.stringify(plain(entry.node))] as const;
    });
  });
}
