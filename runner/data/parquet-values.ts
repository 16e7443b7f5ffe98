import type { FileMetaData, SchemaElement, SchemaTree } from "hyparquet";
import { LosslessNumber } from "lossless-json";

/**
 * Metadata by which the library gives decimals as stored: it would make doubles of them, which lose digits. Decimals in
 * bytes pass the parser of UUIDs, which is given no column; {@link exactValue} knows both.
 */
export function exactMetadata(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element): SchemaElement => {
    if (!isDecimal(element)) return element;
    const { converted_type: _type, logical_type: _logical, ...raw } = element;
    return element.type === "INT32" || element.type === "INT64" ? raw : { ...raw, logical_type: { type: "UUID" } };
  });
  return { ...metadata, schema };
}

/**
 * A value as one of JSON, by its place in the schema. Numbers have the digits of their type; NaN is a missing value.
 */
export function exactValue(value: unknown, node: SchemaTree): unknown {
  if (value === null || value === undefined) return value;
  if (node.children.length === 0) return leafValue(value, node.element);
  if (Array.isArray(value)) {
    const items = itemsOf(node);
    return value.map((item) => exactValue(item, items));
  }
  if (typeof value !== "object") return value;
  const last = itemsOf(node).children.at(-1);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const child = node.children.find(({ element }) => element.name === key) ?? last;
      return [key, child === undefined ? inner : exactValue(inner, child)];
    }),
  );
}

/** The node of the items of a list, below the groups that only wrap it. */
function itemsOf(node: SchemaTree): SchemaTree {
  const [only] = node.children;
  const isWrapper =
    node.children.length === 1 &&
    only !== undefined &&
    (isList(node.element) || only.element.repetition_type === "REPEATED");
  if (!isWrapper) return node;
  const [inner] = only.children;
  return only.children.length === 1 && inner !== undefined && isList(node.element) ? inner : only;
}

const isList = ({ converted_type: type, logical_type: logical }: SchemaElement): boolean =>
  type === "LIST" || logical?.type === "LIST";

const isDecimal = ({ converted_type: type, logical_type: logical }: SchemaElement): boolean =>
  type === "DECIMAL" || logical?.type === "DECIMAL";

function leafValue(value: unknown, element: SchemaElement): unknown {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (Array.isArray(value)) return value.map((item) => leafValue(item, element));
  if (isDecimal(element)) return decimal(value, element.scale ?? 0);
  if (logical?.type === "UUID" && value instanceof Uint8Array) return uuid(value);
  if (converted === "TIME_MILLIS" || converted === "TIME_MICROS" || logical?.type === "TIME") {
    const unit = logical?.type === "TIME" ? logical.unit : converted === "TIME_MILLIS" ? "MILLIS" : "MICROS";
    return timeOfDay(BigInt(value as number | bigint), { MILLIS: 3, MICROS: 6, NANOS: 9 }[unit]);
  }
  const unit = typeof value === "bigint" ? unitOf(element) : undefined;
  if (unit !== undefined)
    return leafValue(timestamp(value as bigint, 10n ** BigInt(unit), unit), { name: element.name });
  if (typeof value === "number") {
    if (Number.isNaN(value)) return null;
    if (logical?.type === "FLOAT16") return shortest(value, (one) => Math.abs(one - value) < halfStep(value));
    if (type === "FLOAT") return shortest(value, (one) => Math.fround(one) === value);
  }
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace(/T00:00:00\.000Z$/, "");
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  return value;
}

/** A decimal with all digits of its scale: 1.50. */
function decimal(value: unknown, scale: number): LosslessNumber {
  const whole = value instanceof Uint8Array ? integerOf(value) : BigInt(value as number | bigint);
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, "0");
  const sign = whole < 0n ? "-" : "";
  const point = digits.length - scale;
  return new LosslessNumber(`${sign}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`);
}

/** A signed integer in bytes, the most significant first. */
function integerOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
}

function uuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Digits of the seconds of a time that is stored in microseconds or nanoseconds; undefined for another type. */
function unitOf({ type, converted_type: converted, logical_type: logical }: SchemaElement): number | undefined {
  if (type === "INT96" || (logical?.type === "TIMESTAMP" && logical.unit === "NANOS")) return 9;
  if (converted === "TIMESTAMP_MICROS" || (logical?.type === "TIMESTAMP" && logical.unit === "MICROS")) return 6;
  return undefined;
}

/** ISO 8601, in ms or with all digits that the time has. */
function timestamp(value: bigint, second: bigint, digits: number): Date | string {
  const rest = ((value % second) + second) % second;
  const fraction = String(rest).padStart(digits, "0");
  const date = new Date(Number((value - rest) / (second / 1000n)) + Number(fraction.slice(0, 3)));
  if (/^0*$/.test(fraction.slice(3)) || Number.isNaN(date.getTime())) return date;
  return date.toISOString().replace("Z", `${fraction.slice(3).replace(/0+$/, "")}Z`);
}

function timeOfDay(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const [seconds, rest] = [value / unit, value % unit];
  const two = (part: bigint): string => String(part).padStart(2, "0");
  const fraction = rest === 0n ? "" : `.${String(rest).padStart(digits, "0")}`;
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction}`;
}

/** The double with the fewest digits that is the same number in a shorter type. */
function shortest(value: number, isSame: (one: number) => boolean): number {
  for (let digits = 1; digits <= 9; digits++) {
    const one = Number(value.toPrecision(digits));
    if (isSame(one)) return one;
  }
  return value;
}

/** Half the distance between two neighbours of 16 bits. */
const halfStep = (value: number): number => 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 11);
