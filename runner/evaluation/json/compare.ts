import { basicForm } from "../../data/labels/basic.ts";
import type { View } from "../../data/labels/views.ts";
import { joinPaths, keyPath } from "./path.ts";
import type { AnswerSchema, Field } from "./schema.ts";
import { isObject, type JsonObject, type JsonScalar, type JsonValue } from "./value.ts";

/** A scalar value of gold, of an answer, or of both if they are compared with each other. */
export type Unit = {
  /** The path without positions: "items[].price". */
  readonly field: string;
  /** The path with the positions of gold: "items[0].price". */
  readonly place: string;
  /** An empty list or object is a value too. */
  readonly gold?: Leaf;
  readonly given?: Leaf;
  /** Whether both are equal. */
  readonly hit: boolean;
};
export type Leaf = JsonScalar | readonly [] | { readonly [key: string]: never };

/** How scalars are compared. */
export type Comparison = {
  readonly view: View;
  readonly tolerance: number;
  readonly fields: AnswerSchema["fields"] | undefined;
};

/** Lists of objects with more pairs than this are compared by position. */
const mostPairs = 2_500;

/**
 * Compares an answer with gold, scalar by scalar. Objects are compared by key. Lists of scalars are multisets. In lists
 * of objects, the item of the answer that shares most equal scalars with an item of gold is compared with it.
 */
export function compareValues(gold: JsonValue, given: JsonValue | null, how: Comparison): readonly Unit[] {
  const units: Unit[] = [];
  compare(gold, given === null ? undefined : given, "", "", how, units);
  return units;
}

function compare(
  gold: JsonValue | undefined,
  given: JsonValue | undefined,
  field: string,
  place: string,
  how: Comparison,
  units: Unit[],
): void {
  if (isFull(gold) && isFull(given)) {
    for (const key of new Set([...Object.keys(gold), ...Object.keys(given)])) {
      const of = (value: JsonObject): JsonValue | undefined => (Object.hasOwn(value, key) ? value[key] : undefined);
      compare(of(gold), of(given), keyPath(field, key), keyPath(place, key), how, units);
    }
  } else if (isList(gold) && isList(given)) compareLists(gold, given, field, place, how, units);
  else if (isLeaf(gold) && isLeaf(given)) {
    const hit = isEqual(gold, given, how.fields?.get(field), how);
    units.push({ field: leafField(field, gold), place, gold, given, hit });
  } else {
    if (gold !== undefined)
      for (const one of leaves(gold, field, place)) units.push({ ...one.at, gold: one.leaf, hit: false });
    if (given !== undefined)
      for (const one of leaves(given, field, place)) units.push({ ...one.at, given: one.leaf, hit: false });
  }
}

const isFull = (value: JsonValue | undefined): value is JsonObject => isObject(value) && Object.keys(value).length > 0;
const isList = (value: JsonValue | undefined): value is readonly JsonValue[] =>
  Array.isArray(value) && value.length > 0;
const isLeaf = (value: JsonValue | undefined): value is Leaf => value !== undefined && !isFull(value) && !isList(value);

function compareLists(
  gold: readonly JsonValue[],
  given: readonly JsonValue[],
  field: string,
  place: string,
  how: Comparison,
  units: Unit[],
): void {
  const partners = pairs(gold, given, `${field}[]`, how);
  const used = new Set(partners.map((partner) => partner?.at));
  const extra = given.filter((_, at) => !used.has(at));
  gold.forEach((one, at) => {
    const own = `${place}[${at}]`;
    const partner = partners[at];
    if (partner === undefined) compare(one, undefined, `${field}[]`, own, how, units);
    else for (const unit of partner.units) units.push({ ...unit, place: joinPaths(own, unit.place) });
  });
  extra.forEach((one, at) => {
    compare(undefined, one, `${field}[]`, `${place}[${gold.length + at}]`, how, units);
  });
}

/** The item of an answer with which an item of gold is compared, and the result with places within the item. */
type Partner = { readonly at: number; readonly units: readonly Unit[] };

/** The partner of each item of gold. Each pair of items is compared once: nested lists take quadratic time. */
function pairs(
  gold: readonly JsonValue[],
  given: readonly JsonValue[],
  field: string,
  how: Comparison,
): readonly (Partner | undefined)[] {
  const unitsOf = (a: number, b: number): readonly Unit[] => {
    const units: Unit[] = [];
    compare(gold[a], given[b], field, "", how, units);
    return units;
  };
  if (gold.length * given.length > mostPairs)
    return gold.map((_, at) => (at < given.length ? { at, units: unitsOf(at, at) } : undefined));
  const found = gold.flatMap((_, a) =>
    given.map((_other, b) => {
      const units = unitsOf(a, b);
      const hits = units.filter(({ hit }) => hit).length;
      return { a, b, units, hits, misses: units.length - hits };
    }),
  );
  found.sort(
    (x, y) =>
      y.hits - x.hits || x.misses - y.misses || Math.abs(x.a - x.b) - Math.abs(y.a - y.b) || x.a - y.a || x.b - y.b,
  );
  const partners: (Partner | undefined)[] = gold.map(() => undefined);
  const used = new Set<number>();
  for (const { a, b, units } of found) {
    if (partners[a] !== undefined || used.has(b)) continue;
    partners[a] = { at: b, units };
    used.add(b);
  }
  return partners;
}

/** The scalars of a value with their places. */
export function leaves(
  value: JsonValue,
  field = "",
  place = "",
): readonly { readonly at: Pick<Unit, "field" | "place">; readonly leaf: Leaf }[] {
  if (isFull(value))
    return Object.entries(value).flatMap(([key, one]) => leaves(one, keyPath(field, key), keyPath(place, key)));
  if (isList(value)) return value.flatMap((one, at) => leaves(one, `${field}[]`, `${place}[${at}]`));
  const leaf = value as Leaf;
  return [{ at: { field: leafField(field, leaf), place }, leaf }];
}

/** An empty list is a value of the field of its items. */
const leafField = (field: string, leaf: Leaf): string => (Array.isArray(leaf) ? `${field}[]` : field);

/**
 * Whether two scalars are equal. Values of different JSON types never are. Enums are compared as they are. In the basic
 * view, other strings are compared in their basic form, and times of the format date-time as instants.
 */
function isEqual(gold: Leaf, given: Leaf, field: Field | undefined, { view, tolerance }: Comparison): boolean {
  if (typeof gold === "number" && typeof given === "number") {
    if (gold === given) return true;
    if (tolerance === 0 || (field?.types.includes("integer") && !field.types.includes("number"))) return false;
    // The bound itself counts, also if the difference is rounded: |0.3 - 0.2| with a tolerance of 0.1.
    return Math.abs(gold - given) <= tolerance + 4 * Number.EPSILON * Math.max(Math.abs(gold), Math.abs(given));
  }
  if (typeof gold === "string" && typeof given === "string") {
    if (gold === given) return true;
    if (field?.options !== undefined) return false;
    if (view === "raw") return gold.trim() === given.trim();
    if (field?.format === "date-time") return instant(gold) === instant(given);
    return basicForm(gold) === basicForm(given);
  }
  if (typeof gold === "object" && typeof given === "object") return JSON.stringify(gold) === JSON.stringify(given);
  return gold === given;
}

/** Milliseconds since 1970; a text that is no time is only equal to itself. */
function instant(text: string): number | string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : time;
}
