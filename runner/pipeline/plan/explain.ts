import type { Json } from "../../util/canonical.ts";
import { canonicalJson } from "../../util/canonical.ts";
import type { Ingredients } from "./record.ts";

/** Describes the first difference between two sets of ingredients. Undefined if they are equal. */
export function firstDifference(before: Ingredients, now: Ingredients): string | undefined {
  if (before.version !== now.version) return `version of the ${now.kind} step: ${before.version} -> ${now.version}`;
  const param = firstParam("", before.params, now.params);
  if (param !== undefined) return param;
  return (
    firstName(before.sources, now.sources, (name) => name) ??
    firstName(before.inputs, now.inputs, (name) => `upstream ${name}`)
  );
}

function firstName(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  describe: (name: string) => string,
): string | undefined {
  for (const name of Object.keys({ ...before, ...now }).sort()) {
    if (before[name] === now[name]) continue;
    if (before[name] === undefined) return `${describe(name)} is new`;
    return now[name] === undefined ? `${describe(name)} was removed` : `${describe(name)} changed`;
  }
  return undefined;
}

function firstParam(path: string, before: Json | undefined, now: Json | undefined): string | undefined {
  if (isMap(before) && isMap(now)) {
    for (const key of Object.keys({ ...before, ...now }).sort()) {
      const difference = firstParam(path === "" ? key : `${path}.${key}`, before[key], now[key]);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (before !== undefined && now !== undefined && canonicalJson(before) === canonicalJson(now)) return undefined;
  return `${path}: ${short(before)} -> ${short(now)}`;
}

function isMap(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function short(value: Json | undefined): string {
  if (value === undefined) return "(absent)";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
