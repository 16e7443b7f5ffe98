import type { ErrorObject } from "ajv";
import { formatByName, isRepository } from "../data/formats.ts";
import { repository, repositoryOrName } from "../hub/names.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { nearest, suggestion } from "../util/suggest.ts";
import { dotted, find, locate, type Node, type Path } from "./node.ts";
import { renamedKey, renamedValue } from "./renamed-keys.ts";
import type { Schema } from "./schema.ts";
import { branchFor, branchIndex, childOf, keysOf } from "./schema-visitor.ts";

type Place = { readonly path: Path; readonly schema: Schema | undefined; readonly node: Node | undefined };

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a map of keys",
};

const patterns: Readonly<Record<string, string>> = {
  "^[A-Za-z0-9][A-Za-z0-9._-]*$": "a letter or digit, then letters, digits, dots, dashes or underscores",
  "^(all|last [1-9][0-9]*)$": '"all", or "last 10"',
  "^[0-9]+(\\.[0-9]+)?[MB]$": "a number and M or B, such as 8B",
  "^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$": "a number and a unit, such as 24GB",
  "^[0-9]+(\\.[0-9]+)?[smhd]$": "a number and s, m, h or d, such as 4h",
  "^[a-z][a-z0-9_]*$": "a small letter, then small letters, digits or underscores",
  "^[a-z]{2,3}$": "an ISO 639 code such as en",
  '^https?://[^\\s<>"()]+$': "a web address, such as https://example.org/data",
  [repositoryOrName]: "owner/name, as on the hub: letters, digits and single . - _ inside",
  [repository]:
    "owner/name: letters, digits and single . - _ inside, at most 96 characters in the name, no .git at the end",
};

/**
 * Turns ajv's errors about the value of `root` into diagnostics with spans. `base` is the path of `root` in the
 * experiment.
 */
export function translate(
  errors: readonly ErrorObject[],
  root: Node,
  schema: Schema,
  base: Path = [],
  otherKeys: readonly string[] = [],
): readonly Diagnostic[] {
  return errors.flatMap((error) => {
    const path = error.instancePath.split("/").slice(1).map(pointerPart);
    const place = placeAt(root, schema, path, base);
    if (place === undefined || isOtherBranch(error, root, schema, base)) return [];
    const found = describe(error, place, [...base, ...path], base.length + path.length === 0 ? otherKeys : []);
    if (found === undefined) return [];
    const { code, message, help, at = path, part = "value" } = found;
    return [
      { severity: "error", code, message, span: locate(root, at, part), ...(help === undefined ? {} : { help }) },
    ];
  });
}

function pointerPart(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** The schema at a path. The values in the file select the branches of unions. */
function placeAt(root: Node, schema: Schema, path: Path, base: Path): Place | undefined {
  let here: Schema | undefined = schema;
  path.forEach((part, index) => {
    const node = find(root, path.slice(0, index))?.node;
    const branch: Schema | undefined = here && branchFor(here, node, [...base, ...path.slice(0, index)]);
    here = branch && childOf(branch, part);
  });
  return { path, schema: here, node: find(root, path)?.node };
}

/**
 * Whether an error is about a branch of `anyOf` for another type of value: a list is not reported as an invalid text.
 */
function isOtherBranch(error: ErrorObject, root: Node, schema: Schema, base: Path): boolean {
  const path = error.instancePath.split("/").slice(1).map(pointerPart);
  const chosen = /\/anyOf\/(\d+)\//.exec(error.schemaPath);
  if (chosen === null) return false;
  for (let length = path.length; length >= 0; length--) {
    const place = placeAt(root, schema, path.slice(0, length), base);
    if (place?.schema?.anyOf !== undefined && place.node !== undefined) {
      return branchIndex(place.schema, place.node) !== Number(chosen[1]);
    }
  }
  return false;
}

type Description = {
  readonly code: string;
  readonly message: string;
  readonly help?: string | undefined;
  readonly at?: Path;
  readonly part?: "key" | "value";
};

function describe(error: ErrorObject, place: Place, path: Path, otherKeys: readonly string[]): Description | undefined {
  const { keyword, params } = error;
  const { schema, node } = place;
  const name = dotted(path) || "the experiment";
  const written = node?.kind === "scalar" ? node.value : undefined;
  if (node?.kind === "scalar" && written === null && keyword !== "required") {
    return { code: "empty-value", message: `${name} has no value`, help: emptyHelp(name), part: "key" };
  }
  switch (keyword) {
    case "additionalProperties": {
      const key = String(params.additionalProperty);
      const branch = schema && branchFor(schema, node, path);
      const renamed = renamedKey([...path, key]);
      if (renamed !== undefined) return { ...renamed, at: [...place.path, key], part: "key" };
      const keys = [...keysOf(branch ?? schema ?? {}), ...otherKeys];
      const inside = path.length === 0 ? "" : ` in ${name}`;
      const help = suggestion(key, keys, "keys here");
      return {
        code: "unknown-key",
        message: `unknown key "${key}"${inside}`,
        help,
        at: [...place.path, key],
        part: "key",
      };
    }
    case "required": {
      const missing = String(params.missingProperty);
      const key = dotted([...path, missing]);
      const description = (schema && branchFor(schema, node, path))?.properties?.[missing]?.description;
      const help = requiredHelp(key) ?? description;
      return { code: "missing-key", message: `${key} is missing`, help, part: "key" };
    }
    case "type":
    case "anyOf": {
      if (keyword === "anyOf" && schema && node && branchIndex(schema, node) >= 0) return undefined;
      const expected = keyword === "type" ? kindOf(String(params.type)) : choicesOf(schema);
      return {
        code: "wrong-type",
        message: `${name} must be ${expected}, not ${shown(node)}`,
        help: typeHelp(params, node, schema),
      };
    }
    case "const":
    case "enum": {
      const choices = keyword === "enum" ? (params.allowedValues as unknown[]) : [params.allowedValue];
      if (typeof choices[0] === "string" && typeof written !== "string") return undefined;
      return renamedValue(name, written) ?? notOneOf(name, node, choices.map(String));
    }
    case "discriminator": {
      const tag = String(params.tag);
      const choices = (schema?.oneOf ?? []).map((branch) => String(branch.properties?.[tag]?.const));
      const at = [...place.path, tag];
      const tagNode = node?.kind === "map" ? node.entries.get(tag)?.node : undefined;
      if (tagNode?.kind === "scalar" && tagNode.value === null) {
        const name = dotted([...path, tag]);
        return { code: "empty-value", message: `${name} has no value`, help: emptyHelp(name), at, part: "key" };
      }
      return { ...notOneOf(dotted([...path, tag]), tagNode, choices), at };
    }
    case "pattern": {
      const help = patterns[String(params.pattern)];
      return { code: "bad-format", message: `${name} cannot be ${shown(node)}`, help: help && `it must be ${help}` };
    }
    default: {
      const rule = limit(keyword, params);
      return { code: "out-of-range", message: `${name} ${rule}`, help: undefined };
    }
  }
}

function notOneOf(name: string, node: Node | undefined, choices: readonly string[]): Description {
  const word = node?.kind === "scalar" ? String(node.value) : "";
  const best = nearest(word, choices);
  const help = best === undefined ? undefined : `did you mean "${best}"?`;
  const message = `${name} cannot be ${shown(node)}; it must be ${choices.length === 1 ? "" : "one of "}${choices.join(", ")}`;
  return { code: "not-one-of", message, help };
}

function limit(keyword: string, params: Readonly<Record<string, unknown>>): string {
  const bound = String(params.limit);
  const words: Record<string, string> = {
    minimum: `must be ${bound} or more`,
    maximum: `must be ${bound} or less`,
    exclusiveMinimum: `must be more than ${bound}`,
    exclusiveMaximum: `must be less than ${bound}`,
    minLength: bound === "1" ? "must not be empty" : `must have at least ${bound} characters`,
    maxLength: `must have at most ${bound} characters`,
    minItems: bound === "1" ? "must not be an empty list" : `must have at least ${bound} items`,
    maxItems: `must have at most ${bound} items`,
    minProperties: "must not be an empty map",
    uniqueItems: `contains a value twice (items ${[params.i, params.j].sort().join(" and ")})`,
  };
  return words[keyword] ?? `violates the rule ${keyword}`;
}

function kindOf(type: string): string {
  return kinds[type] ?? type;
}

function choicesOf(schema: Schema | undefined): string {
  const branches = schema?.anyOf ?? [];
  return branches
    .map((branch) => (branch.const === undefined ? kindOf(branch.type ?? "") : `"${branch.const}"`))
    .join(" or ");
}

/** A value in a message, shortened. */
function shown(node: Node | undefined): string {
  if (node === undefined) return "left out";
  if (node.kind === "list") return "a list";
  if (node.kind === "map") return "a map of keys";
  if (typeof node.value !== "string") return String(node.value);
  const text = node.value.length > 60 ? `${node.value.slice(0, 57)}…` : node.value;
  return `the text ${JSON.stringify(text)}`;
}

function typeHelp(
  params: Readonly<Record<string, unknown>>,
  node: Node | undefined,
  schema: Schema | undefined,
): string | undefined {
  if (node?.kind !== "scalar") return undefined;
  const { value, span } = node;
  const expected = String(params.type);
  if (expected === "string" && value !== null && typeof value !== "string") {
    return `write it in quotes: "${span.source.text.slice(span.start, span.end)}"`;
  }
  if (expected === "array" && value !== null) return `write a list: [${String(value)}]`;
  if (typeof value !== "string") return undefined;
  const keys = expected === "object" ? (schema?.properties ?? {}) : {};
  if (keys.hub !== undefined && formatByName(value) === undefined && isRepository(value))
    return `write {hub: ${value}} for a data set of the hub, or {file: FILE}`;
  if (keys.file !== undefined) return `write {file: ${JSON.stringify(value)}}`;
  if (expected === "boolean" && /^(yes|on|y)$/i.test(value)) return "write true";
  if (expected === "boolean" && /^(no|off|n)$/i.test(value)) return "write false";
  if ((expected === "number" || expected === "integer") && value.trim() !== "" && Number.isFinite(Number(value))) {
    return `write it without quotes: ${value}`;
  }
  return undefined;
}

function emptyHelp(name: string): string {
  if (name === "train") return "remove the key for zero-shot, or write `train: {}` to fine-tune with the defaults";
  return "write a value, or remove the key";
}

function requiredHelp(key: string): string | undefined {
  const helps: Record<string, string> = {
    name: "write a line such as `name: my-experiment`",
    data: "write `data:` with train, test and columns",
    model: "write `model:` with the base model",
    prompt: "write `prompt:` with a template",
  };
  return Object.hasOwn(helps, key) ? helps[key] : undefined;
}
