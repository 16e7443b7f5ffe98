/** Tests the form of a value that was read from a file. */
export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === "string";
export const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
export const isFlag: Check = (value) => typeof value === "boolean";
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Most levels of nesting in a JSON file that exp reads. Functions that recurse then stay far from the end of the stack. */
const mostLevels = 100;

/** Largest number in such a file. Sums and percentages of larger ones could become infinite. */
const largestNumber = 1e18;

/** Whether a value of a JSON file is not nested too deeply and has no number that is too large. */
export function isBounded(value: unknown, levels = mostLevels): boolean {
  if (typeof value === "number") return Math.abs(value) <= largestNumber;
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isBounded(inner, levels - 1));
}

/** Accepts an absent value too. */
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** Accepts null too. */
export const nullable =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

export const mapOf =
  (check: Check, name: Check = isText): Check =>
  (value) =>
    isMap(value) && Object.entries(value).every(([key, one]) => name(key) && check(one));

/** An object with these fields. Others are not checked. */
export const shape =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isMap(value) && Object.entries(checks).every(([key, check]) => check(value[key]));

/** An object with fields of one form. */
export const fields = (names: readonly string[], check: Check): Check =>
  shape(Object.fromEntries(names.map((name) => [name, check])));

/** A whole number from 0. */
export const isCount: Check = (value) => isNumber(value) && Number.isInteger(value) && (value as number) >= 0;
/** A number from 0. */
export const isAmount: Check = (value) => isNumber(value) && (value as number) >= 0;
/** A number from 0 to 1, with rounding errors. */
export const isShare: Check = (value) => isNumber(value) && Math.abs((value as number) - 0.5) <= 0.5 + 1e-9;

/** Passes all of the checks. */
export const both =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.every((check) => check(value));
