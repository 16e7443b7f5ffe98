import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { View } from "../../data/labels/views.ts";
import { compareCase } from "../error-analysis/case.ts";
import { categoriesOf } from "../error-analysis/categories.ts";
import { scoresOf } from "../statistics/packed.ts";
import { jsonCategories } from "./categories.ts";
import type { JsonDetails } from "./details.ts";
import { jsonMetrics } from "./metrics.ts";
import { openJson } from "./open-json.ts";
import { examineSchema } from "./schema-file.ts";
import type { JsonObject, JsonValue } from "./value.ts";

const order = {
  type: "object",
  properties: {
    vendor: { type: "string" },
    status: { enum: ["open", "Closed"] },
    urgent: { type: "boolean" },
    count: { type: "integer" },
    total: { type: ["number", "null"] },
    due: { type: "string", format: "date-time" },
    tags: { type: "array", items: { type: "string" } },
    items: { type: "array", items: { $ref: "#/$defs/item" } },
    contact: { type: "object", properties: { name: { type: "string" } } },
  },
  required: ["vendor"],
  additionalProperties: false,
  $defs: {
    item: {
      type: "object",
      properties: { name: { type: "string" }, price: { type: "number" } },
      required: ["name"],
    },
  },
};
const source = (schema: unknown) => ({
  path: "s.json",
  text: typeof schema === "string" ? schema : JSON.stringify(schema),
});
const opened = new Map<string, ReturnType<typeof openJson>>();
/** The task with settings; each is opened once. */
function open(tolerance = 0, answers: "lenient" | "strict" = "lenient", schema: unknown = order) {
  const key = JSON.stringify([tolerance, answers, schema]);
  const known = opened.get(key) ?? openJson({ answers }, () => source(schema), { tolerance });
  opened.set(key, known);
  return known;
}
const task = open();
const parse = (text: string, finish?: string, answers: "lenient" | "strict" = "lenient") =>
  open(0, answers).parseAnswer(text, { labels: new Set(), finish });

const score = (gold: JsonValue, given: JsonObject | null, view: View = "raw", tolerance = 0) =>
  scoresOf(open(tolerance).scorer([{ target: gold, prediction: given, parsed: given !== null }])(view), [
    ...jsonMetrics,
  ]);

describe("a target in several columns", () => {
  const cells = (given: Readonly<Record<string, string | readonly string[]>>) => task.readCells?.(given);
  it("has values of the types of the schema, in its order", () => {
    const items = '[{"name": "bolt", "price": 2}]';
    expect(
      cells({ total: "12.50", urgent: "TRUE", vendor: " A ", status: "open ", count: "5.0", items, tags: ["1", "b"] }),
    ).toEqual({
      help: expect.any(String),
      target: {
        ...{ vendor: " A ", status: "open", urgent: true, count: 5, total: 12.5 },
        ...{ tags: ["1", "b"], items: [{ name: "bolt", price: 2 }] },
      },
      text: `{"vendor": " A ", "status": "open", "urgent": true, "count": 5, "total": 12.5, "tags": ["1", "b"], "items": ${items}}`,
    });
  });
  it("has null for an empty cell, leaves an optional property out, and keeps a required text", () => {
    expect(cells({ vendor: "", count: " ", total: "", urgent: "" })?.target).toEqual({ vendor: "", total: null });
  });
  it.each([
    [{ vendor: "A", count: "5.5" }, '"count" is "5.5", which is no integer'],
    [{ vendor: "A", total: "12,50" }, '"total" is "12,50", which is no number or null'],
    [{ vendor: "A", count: "007" }, '"count" is "007", which is no integer'],
    [{ vendor: "A", urgent: "yes" }, '"urgent" is "yes", which is no true or false'],
    [{ vendor: "A", tags: "a, b" }, '"tags" is "a, b", which is no JSON list'],
    [{ vendor: "A", contact: "[1]" }, '"contact" is "[1]", which is no object'],
    [{ vendor: "A", status: "shut" }, expect.stringContaining("status must be one of")],
    [{ total: "1" }, expect.stringContaining('lacks the key "vendor"')],
    [{ vendor: "A", other: "1" }, expect.stringContaining('has the key "other"')],
  ])("%j is an error", (given, problem) => {
    expect(cells(given as never)?.problem).toEqual(problem);
  });
  it("has texts without a schema", () => {
    const { readCells } = openJson({ answers: "lenient" }, () => undefined, { tolerance: 0 });
    expect(readCells?.({ a: "1", b: "" })?.target).toEqual({ a: "1" });
  });
});

describe("an answer", () => {
  const value = { vendor: "A" };
  const text = '{"vendor": "A"}';
  it.each([
    [text, []],
    [`\n ${text}\n`, []],
    [`\`\`\`json\n${text}\n\`\`\``, ["fence"]],
    [`Here is the order: ${text} Anything else?`, ["extra-text"]],
    [`<think>{"vendor": "B"}</think>${text}`, ["think"]],
    [`{"vendor": "B"}</think>${text}<|im_end|>`, ["think", "residue"]],
    [`Fields {vendor, total}:\n${text}`, ["extra-text"]],
    [`${text}\n{"vendor": "B"}`, ["extra-text"]],
  ])("%j is read", (answer, notes) => {
    expect(parse(answer)).toEqual({ prediction: value, parsed: true, notes });
  });
  it.each([
    ["", ["empty"]],
    ["no", ["not-json"]],
    [`[${text}]`, ["not-json"]],
    [`{vendor: {"vendor": "A"}}`, ["not-json"]],
    ['{"vendor": "A",}', ["not-json"]],
    ["{'vendor': 'A'}", ["not-json"]],
    ['{"vendor": "A", "vendor": "B"}', ["not-json"]],
    ['{"count": 12345678901234567890}', ["not-json"]],
    ['{"total": 1e400}', ["not-json"]],
    ['{"__proto__": {"vendor": "A"}}', ["not-json"]],
    [`${'{"a":'.repeat(40)}1${"}".repeat(40)}`, ["not-json"]],
    ['{"vendor": "A", "tags": ["x"', ["not-json", "truncated"]],
  ])("%j is not read", (answer, notes) => {
    expect(parse(answer)).toEqual({ prediction: null, parsed: false, notes });
  });
  it.each(["<|im_end|>", "<think>", "</think>", "[INST]", "```", "{", '"}'])(
    "keeps %s within a text of it",
    (vendor) => {
      for (const around of ["", "```json\n", "<think>Hm</think>\n", "assistant\n"]) {
        const end = around.startsWith("`") ? "\n```" : "<|im_end|>";
        expect(parse(`${around}${JSON.stringify({ vendor })}${end}`).prediction).toEqual({ vendor });
      }
    },
  );
  it("has nothing around it if it is read strictly", () => {
    expect(parse(text, undefined, "strict").parsed).toBe(true);
    expect(parse(`\`\`\`json\n${text}\n\`\`\``, undefined, "strict").parsed).toBe(false);
    expect(parse(`Order: ${text}`, undefined, "strict").parsed).toBe(false);
  });
  it("that does not meet the schema has a note", () => {
    expect(parse('{"vendor": 1}')).toEqual({ prediction: { vendor: 1 }, parsed: true, notes: ["invalid"] });
  });
  it("that was cut has a note", () => {
    expect(parse(text, "length").notes).toEqual(["truncated"]);
  });
  it("of any text is read without an error, and a megabyte in linear time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":, \\`a1<think>') }), (answer) => {
        const { prediction, parsed } = parse(answer);
        expect(parsed).toBe(prediction !== null);
      }),
      { numRuns: 300 },
    );
    for (const part of ["{", '{"', "[", "<think>", '{"a":', "\\", "``` "]) parse(part.repeat(1e6 / part.length));
  });
});

describe("a target", () => {
  it("is taught with keys in the order of the schema, and read back as itself", () => {
    const cell = '{"total":12.50,"items":[{"price":1e1,"name":"b"}],"vendor":"Ä\\"x"}';
    const { target, problem } = task.readCell(cell);
    const { write } = task.prepareTraining([], null);
    expect(problem).toBeUndefined();
    expect(write(target)).toBe('{"vendor": "Ä\\"x", "total": 12.5, "items": [{"name": "b", "price": 10}]}');
    const values = fc.record(
      {
        vendor: fc.string({ unit: "grapheme" }),
        count: fc.integer(),
        total: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 })),
        tags: fc.array(fc.string({ unit: "binary-ascii" })),
        items: fc.array(fc.record({ name: fc.string(), price: fc.integer() }, { requiredKeys: ["name"] })),
      },
      { requiredKeys: ["vendor"] },
    );
    fc.assert(
      fc.property(values, (gold) => {
        const { target: taught, problem: wrong } = task.readCell(JSON.stringify(gold));
        expect(wrong).toBeUndefined();
        const { prediction } = parse(write(taught));
        expect(prediction).toEqual(JSON.parse(JSON.stringify(gold)));
        expect(score(taught, prediction, "raw")).toMatchObject({ exact_match: 1, validity: 1 });
      }),
      { numRuns: 100 },
    );
  });
  it.each([
    ["", "the target cannot be read: not JSON"],
    ['{"vendor": "A", "total": 9007199254740993}', "more digits than a double holds"],
    ['{"vendor": "A", "total": 1e-400}', "more digits than a double holds"],
    ["[1]", "it must be an object"],
    ['{"vendor": 5}', "vendor must be string"],
    ["{}", 'the object lacks the key "vendor"'],
    ['{"vendor": "A", "status": "closed"}', 'status must be one of "open", "Closed"'],
    ['{"vendor": "A", "other": 1}', 'the object has the key "other"'],
    ['{"vendor": "A", "items": [{"name": "x"}, {"price": 1}]}', 'items[1] lacks the key "name"'],
    ['{"vendor": "A", "due": "2025-02-30T10:00:00Z"}', 'due must match format "date-time"'],
  ])("%j has a problem", (cell, problem) => {
    expect(task.readCell(cell).problem).toContain(problem);
  });
  it.each(["1e17", "123456789012345000", "1.50", "-0.0", "1E-7", "0.30000000000000004"])("%s is a number", (number) => {
    expect(task.readCell(`{"vendor": "A", "total": ${number}}`).problem).toBeUndefined();
  });
});

describe("values", () => {
  const equal = (gold: object, given: object, view: View = "raw", tolerance = 0) =>
    score({ vendor: "v", ...gold }, { vendor: "v", ...given } as JsonObject, view, tolerance).exact_match;
  it("are equal by value and type", () => {
    expect(equal({ total: 10 }, { total: 10.0 })).toBe(1);
    expect(equal({ total: 10 }, { total: "10" })).toBe(0);
    expect(equal({ total: null }, {})).toBe(0);
    expect(equal({ urgent: true }, { urgent: "true" })).toBe(0);
    expect(equal({ tags: [] }, {})).toBe(0);
    expect(equal({ tags: [] }, { tags: [] })).toBe(1);
  });
  it("may differ by the tolerance, but integers may not", () => {
    expect(equal({ total: 0.3 }, { total: 0.2 }, "raw", 0.1)).toBe(1);
    expect(equal({ total: 0.3 }, { total: 0.19 }, "raw", 0.1)).toBe(0);
    expect(equal({ count: 1 }, { count: 2 }, "raw", 1)).toBe(0);
  });
  it("of strings are normalised in the basic view, but enums are not", () => {
    expect(equal({ vendor: "Ada  Ltd." }, { vendor: "ada ltd" }, "raw")).toBe(0);
    expect(equal({ vendor: "Ada  Ltd." }, { vendor: "ada ltd" }, "basic")).toBe(1);
    expect(equal({ vendor: " Ada" }, { vendor: "Ada " }, "raw")).toBe(1);
    const loose = open(0, "lenient", { ...order, properties: { ...order.properties, status: { enum: ["a", "A"] } } });
    const given = { vendor: "v", status: "A" };
    const cases = loose.scorer([{ target: { vendor: "v", status: "a" }, prediction: given }])("basic");
    expect(cases.isCorrect(0)).toBe(false);
  });
  it("of times are instants in the basic view", () => {
    const [gold, given] = [{ due: "2025-01-01T12:00:00+02:00" }, { due: "2025-01-01T10:00:00Z" }];
    expect([equal(gold, given, "raw"), equal(gold, given, "basic")]).toEqual([0, 1]);
  });
  it("of lists are multisets", () => {
    expect(equal({ tags: ["a", "b", "a"] }, { tags: ["a", "a", "b"] })).toBe(1);
    expect(equal({ tags: ["a", "a"] }, { tags: ["a"] })).toBe(0);
    expect(
      equal({ items: [{ name: "x", price: 1 }, { name: "y" }] }, { items: [{ name: "y" }, { name: "x", price: 1 }] }),
    ).toBe(1);
  });
});

it("lists within lists are compared in quadratic time, with places of gold", () => {
  const nested = (depth: number): JsonValue => (depth === 0 ? ["x"] : ["x", nested(depth - 1)]);
  const value = { tags: nested(28) } as unknown as JsonObject;
  const parts = task.parts(value, "raw", value);
  expect(parts.slice(0, 3)).toEqual(['tags[0]: "x"', 'tags[1][0]: "x"', 'tags[1][1][0]: "x"']);
  expect(parts.at(-1)).toContain("(schema)");
  const items = [{ name: "a", price: 1 }, { name: "b" }];
  const swapped = { vendor: "v", items: items.toReversed() };
  expect(task.parts(swapped, "raw", { vendor: "v", items })).toEqual(task.parts({ vendor: "v", items }, "raw"));
});

describe("field F1", () => {
  it("counts a wrong value as a missing and an added one", () => {
    const gold = { vendor: "v", total: 1, items: [{ name: "x", price: 1 }] };
    const given = { vendor: "v", total: 2, items: [{ name: "x", price: 1 }, { name: "z" }] };
    const scores = score(gold, given);
    expect(scores.field_precision).toBeCloseTo(3 / 5, 12);
    expect(scores.field_recall).toBeCloseTo(3 / 4, 12);
    expect(scores.field_f1).toBeCloseTo(6 / 9, 12);
    // vendor 1, total 0, items[].name 2 of 3, items[].price 1
    expect(scores.macro_field_f1).toBeCloseTo((1 + 0 + 2 / 3 + 1) / 4, 12);
  });
  it("is 0 for an answer that could not be read, and gives an invalid answer its right fields", () => {
    expect(score({ vendor: "v" }, null)).toMatchObject({ field_f1: 0, exact_match: 0, validity: 0 });
    expect(score({ vendor: "v", count: 1 }, { count: 1 })).toMatchObject({ field_recall: 0.5, validity: 0 });
  });
  it("never makes an invalid answer exact", () => {
    const schema = { ...order, properties: { vendor: { type: "string", pattern: "^[A-Z]+$" } } };
    const gold = { vendor: "ADA" };
    const cases = open(0, "lenient", schema).scorer([{ target: gold, prediction: { vendor: "ada" } }])("basic");
    expect(scoresOf(cases, [...jsonMetrics])).toMatchObject({ field_f1: 1, exact_match: 0, validity: 0 });
  });
});

it("the error analysis agrees with exact match in every view, and names the kind of each error", () => {
  const gold = { vendor: "Ada", count: 1, total: 2, tags: ["a", "b"] };
  const kinds = (given: JsonObject | null, view: View = "basic", tolerance = 0) => {
    const own = open(tolerance);
    const answer = { id: "1", gold, prediction: given, parsed: given !== null, notes: [] };
    const one = compareCase(answer, (value, beside) => own.parts(value as JsonObject, view, beside as JsonObject));
    const cases = own.scorer([{ target: gold, prediction: given, parsed: given !== null }])(view);
    expect(one.exact).toBe(cases.isCorrect(0));
    return categoriesOf(one, jsonCategories, { trained: new Set(), groupsOf: () => [], input: () => "ada 1 2 a b" });
  };
  expect(kinds({ ...gold, vendor: "ADA", tags: ["b", "a"] })).toEqual([]);
  expect(kinds({ ...gold, vendor: "ADA" }, "raw")).toEqual(["wrong_value"]);
  expect(kinds({ ...gold, total: 2.5 }, "raw", 0.5)).toEqual([]);
  expect(kinds({ ...gold, count: 2 })).toEqual(["wrong_value"]);
  expect(kinds({ ...gold, count: "1" })).toEqual(["schema_violation", "wrong_type"]);
  expect(kinds({ vendor: "Ada", count: 1, tags: ["a", "b"] })).toEqual(["missing_field"]);
  expect(kinds({ ...gold, tags: ["a", "b", "zz"] })).toEqual(["extra_field"]);
  expect(kinds({ ...gold, "odd: key": 1 })).toEqual(["schema_violation", "extra_field"]);
  expect(kinds(null)).toEqual([]);
});

it("details have a row for each field in the order of the schema, and confusions of enums", () => {
  const cases = [
    { target: { vendor: "v", status: "open" }, prediction: { status: "Closed", vendor: "v", zz: 1, yy: 2 } },
    { target: { vendor: "w", status: "open" }, prediction: null, parsed: false },
  ];
  const { per_field, field_confusions, schema_errors } = (task.details as (all: typeof cases) => unknown)(
    cases,
  ) as JsonDetails;
  expect(
    per_field.raw.map(({ field, support, predicted, hits, wrong, missing }) => [
      field,
      support,
      predicted,
      hits,
      wrong,
      missing,
    ]),
  ).toEqual([
    ["vendor", 2, 1, 1, 0, 1],
    ["status", 2, 1, 0, 1, 1],
    ["(other fields)", 0, 2, 0, 0, 0],
  ]);
  expect(field_confusions).toEqual([
    {
      field: "status",
      counts: [
        { gold: '"open"', predicted: '"Closed"', count: 1 },
        { gold: '"open"', predicted: "(nothing)", count: 1 },
      ],
    },
  ]);
  expect(schema_errors.map(({ count }) => count)).toEqual([1, 1]);
});

describe("a schema file", () => {
  const errors = (schema: unknown): readonly string[] => {
    const result = examineSchema(source(schema));
    return result.ok ? [] : result.diagnostics.map(({ message }) => message);
  };
  it("is accepted", () => {
    expect(errors(order)).toEqual([]);
  });
  it.each([
    ["{", "not JSON"],
    ["[]", "one JSON object"],
    [{ type: "array", items: { type: "string" } }, "the root must have the type object"],
    [{ ...order, $schema: "http://json-schema.org/draft-04/schema#" }, "#/$schema"],
    [{ ...order, allOf: [] }, '#/allOf: the keyword "allOf" is not supported'],
    [{ type: "object", properties: { a: {} } }, "#/properties/a: the schema has no type"],
    [{ type: "object", properties: { a: { type: "strin" } } }, "#/properties/a/type: must be a JSON type"],
    [{ type: "object", properties: { a: { $ref: "other.json" } } }, "leads to no schema of this file"],
    [{ type: "object", properties: { a: { $ref: "https://example.org/s" } } }, "leads to no schema of this file"],
    [
      { type: "object", properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { $ref: "#/$defs/a" } } },
      "refers to itself",
    ],
    [{ type: "object", properties: { a: { type: "string", pattern: "(a+)+$" } } }, "the pattern is too complex"],
    [{ type: "object", properties: { a: { type: "string", pattern: "\\d*\\d*\\d*x" } } }, "the pattern is too complex"],
    [{ type: "object", properties: { a: { type: "array" } } }, "the array has no items"],
    [{ type: "object", properties: {}, required: ["a"] }, '"a" is required and has no property'],
    [{ type: "object", properties: { a: { type: "object", anyOf: [] } } }, "anyOf and type exclude each other"],
    [{ type: "object", additionalProperties: { type: "string" } }, "#/additionalProperties: must be true or false"],
  ])("%j has an error", (schema, message) => {
    expect(errors(schema).join("\n")).toContain(message);
  });
  it.each([
    "^\\d{4}-\\d{2}-\\d{2}$",
    "^(?:red|green|blue)$",
    "^[A-Z]{2,3}-\\d+(?:b|c)$",
    ".*a+",
    "^[+-]?\\d{1,9}[.,]?\\d*$",
  ])("may have the pattern %s", (pattern) => {
    expect(errors({ type: "object", properties: { a: { type: "string", pattern } } })).toEqual([]);
  });
  it.each([
    `${"a?".repeat(60)}${"a".repeat(60)}`,
    `^${"a{0,9}".repeat(30)}b$`,
    `^${"(?:a|a)".repeat(35)}b$`,
    "a{2,}b*?c+",
  ])("may not have the pattern %s", (pattern) => {
    const found = errors({ type: "object", properties: { a: { type: "string", pattern } } });
    expect(found.join("\n")).toContain("the pattern is too complex");
  });
  it("with alternatives that refer to it refuses a deep value", () => {
    const step = { type: "object", properties: { x: { $ref: "#/$defs/n" } }, required: ["x"] };
    const tree = {
      ...{ type: "object", properties: { x: { $ref: "#/$defs/n" } } },
      $defs: { n: { anyOf: [step, step, { const: 1 }] } },
    };
    const nested = (levels: number) => `${'{"x":'.repeat(levels)}1${"}".repeat(levels)}`;
    const task = open(0, "lenient", tree);
    expect(task.readCell(nested(5)).problem).toBeUndefined();
    expect(task.readCell(nested(30)).problem).toContain("too many alternatives");
  });
  it("may refer to itself through a value", () => {
    const tree = { type: "object", properties: { name: { type: "string" }, next: { $ref: "#" } } };
    expect(errors(tree)).toEqual([]);
    expect(open(0, "lenient", tree).readCell('{"next": {"name": "b"}, "name": "a"}').target).toEqual({
      name: "a",
      next: { name: "b" },
    });
  });
  it("is read in linear time, whatever its references", () => {
    const both = (at: number) => [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }];
    const levels = (of: (at: number) => object) => ({
      ...Object.fromEntries(Array.from({ length: 45 }, (_, at) => [`d${at}`, of(at)])),
      d45: { type: "null" },
    });
    const wide = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`k${at}`, { $ref: "#" }]));
    const schema = { type: "object", properties: { name: { $ref: "#/$defs/d0" }, ...wide } };
    const choices = { ...schema, $defs: levels((at) => ({ anyOf: both(at) })) };
    expect(errors(choices).join("\n")).toContain("more than 1000 alternatives");
    const nested = levels((at) => ({ type: "object", properties: Object.fromEntries(both(at).entries()) }));
    const opened = open(0, "lenient", { ...schema, $defs: nested });
    expect(opened.readCell('{"k1": {"name": {"0": 1}}}').problem).toContain("must be");
  });
  it("runs no code of its texts", () => {
    const name = '"]; globalThis.hit = 1; //';
    const schema = {
      type: "object",
      properties: { [name]: { enum: ["`$" + "{globalThis.hit = 1}`"] } },
      required: [name],
    };
    expect(open(0, "lenient", schema).readCell("{}").problem).toContain("lacks the key");
    expect("hit" in globalThis).toBe(false);
  });
});
