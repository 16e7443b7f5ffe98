import type { Category, ComparedCase } from "../../plugins/tasks/category.ts";
import { placeOfPart } from "./path.ts";

/** The part that a prediction has in addition if it does not meet the schema. */
export const schemaPart = "(schema)";

/** Parts by their places. */
const byPlace = (parts: readonly string[]): ReadonlyMap<string, string> =>
  new Map(parts.map((part) => [placeOfPart(part), part.slice(placeOfPart(part).length + 2)]));
/** The values that the answer has at places of gold, with those of gold. */
const wrongValues = ({ omitted, added }: ComparedCase): readonly (readonly [string, string])[] => {
  const given = byPlace(added);
  return [...byPlace(omitted)].flatMap(([place, value]) => {
    const other = given.get(place);
    return other === undefined ? [] : [[value, other] as const];
  });
};
const hasAnswer = ({ answer }: ComparedCase): boolean => answer.parsed;
const typeOf = (json: string): string => {
  const first = json[0] ?? "";
  return /[-\d]/.test(first) ? "number" : first === "t" || first === "f" ? "boolean" : first;
};

/** Ways in which a JSON object differs from its target. */
export const jsonCategories: readonly Category[] = [
  {
    name: "schema_violation",
    definition: "The answer is a JSON object that does not meet the schema",
    applies: ({ added }) => added.some((part) => placeOfPart(part) === schemaPart),
  },
  {
    name: "wrong_value",
    definition: "A field of the answer has another value of the same JSON type",
    applies: (one) => hasAnswer(one) && wrongValues(one).some(([gold, given]) => typeOf(gold) === typeOf(given)),
  },
  {
    name: "wrong_type",
    definition: "A field of the answer has a value of another JSON type, such as text in place of a number",
    applies: (one) => hasAnswer(one) && wrongValues(one).some(([gold, given]) => typeOf(gold) !== typeOf(given)),
  },
  {
    name: "missing_field",
    definition: "The answer lacks a field or list item of the target",
    applies: (one) => {
      const given = byPlace(one.added);
      return hasAnswer(one) && [...byPlace(one.omitted).keys()].some((place) => !given.has(place));
    },
  },
  {
    name: "extra_field",
    definition: "The answer has a field or list item that the target lacks",
    about: "added",
    applies: (one) => {
      const gold = byPlace(one.omitted);
      return [...byPlace(one.added).keys()].some((place) => place !== schemaPart && !gold.has(place));
    },
  },
];
