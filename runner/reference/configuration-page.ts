import { stringify } from "yaml";
import type { Path } from "../config/node.ts";
import type { Schema } from "../config/schema.ts";
import { branchesOf, visitKeys } from "../config/schema-visitor.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** Markdown of docs/reference/configuration.md: every key of an experiment file. `schema` is the one for editors. */
export function configurationPage(schema: Schema): string {
  const sections = Object.entries(schema.properties ?? {});
  const scalars = sections.filter(([, child]) => !hasKeys(child));
  const maps = sections.filter(([, child]) => hasKeys(child));
  return `${[
    pageHead("Configuration", "the registered JSON Schema"),
    "Every key of an experiment file. A key without a default may be left out, unless it is marked as required. " +
      "Paths are relative to the file that contains them. " +
      "`exp schema` prints the same as a JSON Schema for editors.",
    "## Overview",
    markdownTable(
      ["key", "purpose"],
      sections.map(([key, child]) => [hasKeys(child) ? `[${code(key)}](#${key})` : code(key), child.description ?? ""]),
    ),
    "## Top level",
    keyTable(scalars.map(([key, child]) => rowOf([key], child, isRequired(schema, key)))),
    ...maps.flatMap(([key, child]) => sectionText(key, child, isRequired(schema, key))),
  ].join("\n\n")}\n`;
}

const hasKeys = (schema: Schema): boolean => branchesOf(schema).some(({ properties }) => properties !== undefined);
const isRequired = (schema: Schema, key: string): boolean => schema.required?.includes(key) === true;

function sectionText(key: string, schema: Schema, required: boolean): readonly string[] {
  const head = [`## ${key}`, `${schema.description ?? ""}${required ? " Required." : ""}`];
  const tag = schema.discriminator?.propertyName;
  if (tag === undefined) return [...head, keyTable(rowsBelow(key, schema))];
  const branches = branchesOf(schema).map((branch) => ({
    name: String(branch.properties?.[tag]?.const),
    rows: rowsBelow(key, branch),
  }));
  const tagRow = [
    code(`${key}.${tag}`),
    `one of ${branches.map(({ name }) => code(name)).join(", ")}`,
    code(branches[0]?.name ?? ""),
    code(`${tag}: ${branches.at(-1)?.name}`),
    branchesOf(schema)
      .map((branch, at) => `${branches[at]?.name}: ${branch.properties?.[tag]?.description ?? ""}`)
      .join(" "),
  ];
  const isTag = (row: readonly string[]): boolean => row[0] === tagRow[0];
  const text = (row: readonly string[]): string => row.join("\0");
  const everywhere = (row: readonly string[]): boolean =>
    branches.every(({ rows }) => rows.some((other) => text(other) === text(row)));
  const shared = (branches[0]?.rows ?? []).filter((row) => !isTag(row) && everywhere(row));
  const special = branches.flatMap(({ name, rows }) => {
    const own = rows.filter((row) => !isTag(row) && !everywhere(row));
    return own.length === 0 ? [] : [`### ${key} with ${tag}: ${name}`, keyTable(own)];
  });
  return [...head, keyTable([tagRow, ...shared]), ...special];
}

function rowsBelow(key: string, schema: Schema): readonly (readonly string[])[] {
  return [...visitKeys(schema, [key])].map((one) => rowOf(one.path, one.schema, one.isRequired));
}

function keyTable(rows: readonly (readonly string[])[]): string {
  return markdownTable(["key", "type", "default", "example", "description"], rows);
}

function rowOf(path: Path, schema: Schema, required: boolean): readonly string[] {
  const [example] = schema.examples ?? [];
  const isMap = hasKeys(schema);
  const initial = schema.default === undefined || isMap ? "" : code(JSON.stringify(schema.default));
  return [
    code(path.join(".")),
    typeText(schema),
    required ? "required" : initial,
    example === undefined ? "" : code(yamlLine(path.at(-1) as string, example)),
    schema.description ?? "",
  ];
}

/** `rank: 8`, in one line. */
function yamlLine(key: string, value: unknown): string {
  return stringify({ [key]: value }, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 })
    .trim()
    .replace(/^\{(.*)\}$/s, "$1");
}

/** "integer, 1 to 1024", "one of `a`, `b`", "list of text" */
function typeText(schema: Schema): string {
  if (schema.anyOf !== undefined && schema.type === undefined) return schema.anyOf.map(typeText).join(", or ");
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum !== undefined) return `one of ${schema.enum.map((one) => code(String(one))).join(", ")}`;
  const { type = "any value" } = schema;
  if (type === "array")
    return `list of ${schema.items === undefined ? "values" : typeText(schema.items)}`.replace("one of ", "");
  const words: Readonly<Record<string, string>> = { object: "map", string: "text", boolean: "true or false" };
  return `${words[type] ?? type}${rangeText(schema)}`;
}

function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  const bounds = [
    ...(minimum === undefined ? [] : [`${minimum} or more`]),
    ...(exclusiveMinimum === undefined ? [] : [`more than ${exclusiveMinimum}`]),
    ...(maximum === undefined ? [] : [`${maximum} or less`]),
    ...(exclusiveMaximum === undefined ? [] : [`less than ${exclusiveMaximum}`]),
  ];
  return bounds.length === 0 ? "" : `, ${bounds.join(", ")}`;
}
