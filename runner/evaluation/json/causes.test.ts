import { expect, it } from "vitest";
import { compareCase } from "../error-analysis/case.ts";
import { openJson } from "./open-json.ts";
import { schemaKey } from "./settings.ts";
import type { JsonObject } from "./value.ts";

const schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    day: { type: "string", format: "date" },
    kind: { enum: ["leak", "noise"] },
    urgent: { type: "boolean" },
    cost: { type: ["number", "null"] },
    parts: { type: "array", items: { type: "object", properties: { name: { type: "string" } } } },
  },
};
const task = openJson(
  { answers: "lenient" },
  (key) => (key === schemaKey ? { path: "s.json", text: JSON.stringify(schema) } : undefined),
  { tolerance: 0 },
);
const input = "On 9 March 2025 the mixer A12 leaked. We need a seal and 3 hoses. It costs 40.5 EUR.";
const gold = {
  name: "mixer A12",
  day: "2025-03-09",
  kind: "leak",
  urgent: true,
  cost: 40.5,
  parts: [{ name: "seal" }],
};

function errorsOf(given: JsonObject | null, { target = gold as JsonObject, notes = [] as readonly string[] } = {}) {
  const answer = { id: "1", gold: target, prediction: given, parsed: given !== null, notes };
  const one = compareCase(answer, (value, of) => task.parts(value as JsonObject, "basic", of as JsonObject));
  return task.causes?.errors(one, input, "basic") ?? [];
}
const named = (...args: Parameters<typeof errorsOf>): Record<string, readonly string[]> =>
  Object.fromEntries(errorsOf(...args).map(({ label, causes }) => [label, causes]));

it.each<[JsonObject, Record<string, readonly string[]>]>([
  [{ ...gold, name: "MIXER A12" }, {}],
  [
    { ...gold, name: "A12 mixer", day: "9 March 2025" },
    { name: ["other_form"], day: ["other_form"] },
  ],
  [{ ...gold, name: "mixer" }, { name: ["near_value"] }],
  [{ ...gold, name: "hoses" }, { name: ["other_in_input"] }],
  [{ ...gold, day: "2025-03-19" }, { day: ["invented"] }],
  [
    { ...gold, kind: "noise", urgent: false },
    { kind: ["wrong_choice"], urgent: ["wrong_choice"] },
  ],
  [{ ...gold, kind: "Leak" }, { kind: ["not_allowed"] }],
  [{ ...gold, cost: "40.5" }, { cost: ["wrong_type", "other_form"] }],
  [{ ...gold, cost: null }, { cost: ["left_empty"] }],
  [{ ...gold, cost: 3 }, { cost: ["other_in_input"] }],
  [
    { ...gold, parts: [] },
    { "parts[0].name": ["missing_value"], parts: ["left_empty"] },
  ],
  [{ ...gold, parts: [...gold.parts, { name: "hose" }] }, { "parts[1].name": ["extra_value", "other_in_input"] }],
  [{ ...gold, note: "x" }, { note: ["extra_value", "invented"] }],
])("%j", (given, causes) => {
  expect(named(given)).toEqual(Object.keys(causes).length === 0 ? { "(schema)": ["not_allowed"] } : causes);
});

it("a response that is cut off or has no object is the cause for all values", () => {
  expect(new Set(Object.values(named(null)).flat())).toEqual(new Set(["unreadable"]));
  expect(new Set(Object.values(named(null, { notes: ["truncated"] })).flat())).toEqual(new Set(["truncated"]));
});

it("a target that the input does not state, and a value in place of nothing, are causes", () => {
  expect(named({ ...gold, name: "pump" }, { target: { ...gold, name: "fan B2" } })).toEqual({
    name: ["invented", "target_not_stated"],
  });
  expect(named(gold, { target: { ...gold, parts: [] } })).toEqual({
    parts: ["filled_in"],
    "parts[0].name": ["extra_value", "other_in_input"],
  });
});

it("the quote has the expected value, or the answered one if it belongs elsewhere", () => {
  const [error] = errorsOf({ ...gold, cost: 3 });
  const quoted = (cause: string): readonly (string | undefined)[] => {
    const quote = error && task.causes?.quote(error, cause, {} as never, input);
    const part = quote?.name ?? quote?.trigger;
    return [quote?.sentence, part ? quote?.sentence.slice(part.start, part.end) : undefined];
  };
  expect(quoted("other_in_input")).toEqual(["We need a seal and 3 hoses.", "3"]);
  expect(quoted("invented")).toEqual(["It costs 40.5 EUR.", "40.5"]);
});
