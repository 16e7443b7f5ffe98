import type { View } from "../../data/labels/views.ts";
import type { AnswerError, CauseRules, ComparedCase, Quote } from "../../plugins/tasks/category.ts";
import { isNear, isOtherForm, sentenceWith, valueFinder } from "../stated-values.ts";
import { schemaPart } from "./categories.ts";
import type { Leaf, Unit } from "./compare.ts";
import { otherField } from "./counters.ts";
import type { Field } from "./schema.ts";

/** What the rules know about a wrong value. */
type Facts = {
  readonly gold: Leaf | undefined;
  readonly given: Leaf | undefined;
  readonly field: Field | undefined;
  readonly isParsed: boolean;
  readonly isCut: boolean;
  /** Whether the answer has values within an empty list or object of gold. */
  readonly isFilled: boolean;
  /** Whether the input has a value, which is a text or a number. */
  isStated(value: string | number): boolean;
};

type Cause = CauseRules["causes"][number] & { applies(facts: Facts): boolean };

const isEmpty = (leaf: Leaf | undefined): boolean =>
  leaf === null || (typeof leaf === "string" && leaf.trim() === "") || typeof leaf === "object";
/** Whether the input can state a value: not for booleans and values of a list, which are decisions. */
const isOpen = (leaf: Leaf | undefined, { field }: Facts): leaf is string | number =>
  (typeof leaf === "number" || (typeof leaf === "string" && leaf.trim() !== "")) && field?.options === undefined;
const isRewritten = (facts: Facts): boolean =>
  isOpen(facts.gold, facts) && isOpen(facts.given, facts) && isOtherForm(String(facts.gold), String(facts.given));
const areNear = (facts: Facts): boolean =>
  isOpen(facts.gold, facts) &&
  isOpen(facts.given, facts) &&
  !isRewritten(facts) &&
  isNear(String(facts.gold), String(facts.given)) &&
  typeof facts.gold === "string";
const isAllowed = (given: Leaf, field: Field): boolean =>
  field.options === undefined || field.options.some((option) => option === given);

/** The causes, in the order of reports. */
const causes: readonly Cause[] = [
  {
    name: "truncated",
    definition: "The response reaches the maximum number of new tokens or is incomplete",
    phrase: "belong to a response that is cut off",
    applies: ({ isCut }) => isCut,
  },
  {
    name: "unreadable",
    definition: "The response has no JSON object that can be read",
    phrase: "belong to a response without a readable JSON object",
    applies: ({ isParsed, isCut }) => !isParsed && !isCut,
  },
  {
    name: "missing_value",
    definition: "The answer lacks a field or list item that the target has",
    phrase: "are missing in the answer",
    applies: ({ isParsed, isFilled, given }) => isParsed && given === undefined && !isFilled,
  },
  {
    name: "left_empty",
    definition: "The answer has null, an empty text or an empty list in place of a value",
    phrase: "are null or empty in place of a value",
    applies: ({ gold, given }) => given !== undefined && isEmpty(given) && !isEmpty(gold ?? 0),
  },
  {
    name: "filled_in",
    definition: "The answer has a value where the target has null, an empty text or an empty list",
    phrase: "are values in place of null or an empty list",
    applies: ({ gold, given, isFilled }) =>
      isFilled || (gold !== undefined && isEmpty(gold) && !isEmpty(given ?? null)),
  },
  {
    name: "extra_value",
    definition: "The answer has a field or list item that the target lacks",
    phrase: "are fields or list items that the target lacks",
    applies: ({ gold, given }) => gold === undefined && !isEmpty(given),
  },
  {
    name: "wrong_type",
    definition: "The answer has a value of another JSON type, such as text in place of a number",
    phrase: "have another JSON type",
    applies: ({ gold, given }) =>
      gold !== undefined && given !== undefined && !isEmpty(gold) && !isEmpty(given) && typeof gold !== typeof given,
  },
  {
    name: "other_form",
    definition: "The answer has the target's letters and digits, words or date in another form",
    phrase: "state the target in another form",
    applies: isRewritten,
  },
  {
    name: "not_allowed",
    definition: "The answer has a value that the schema does not allow",
    phrase: "are not allowed by the schema",
    applies: ({ given, field }) =>
      given !== undefined && !isEmpty(given) && field !== undefined && !isAllowed(given, field),
  },
  {
    name: "wrong_choice",
    definition: "The answer has another value of the list of the schema, or the opposite of a boolean",
    phrase: "are another value of the list of the schema",
    applies: ({ gold, given, field }) =>
      gold !== undefined &&
      given !== undefined &&
      !isEmpty(given) &&
      typeof gold === typeof given &&
      (typeof gold === "boolean" || (field?.options !== undefined && isAllowed(given, field))),
  },
  {
    name: "near_value",
    definition: "The answer has a part of the target, more than the target, or few other characters",
    phrase: "are a part of the target, contain it or differ from it by few characters",
    applies: areNear,
  },
  {
    name: "other_in_input",
    definition: "The input states the answer's value, and not for this field",
    phrase: "are stated in the input, and not for this field",
    applies: (facts) =>
      isOpen(facts.given, facts) && !isRewritten(facts) && !areNear(facts) && facts.isStated(facts.given),
  },
  {
    name: "invented",
    definition: "The input does not state the answer's value in a form that the rules read",
    phrase: "are not stated in the input",
    applies: (facts) => isOpen(facts.given, facts) && !isRewritten(facts) && !facts.isStated(facts.given),
  },
  {
    name: "target_not_stated",
    definition: "The input does not state the target's value in a form that the rules read",
    phrase: "have a target that the input does not state",
    applies: (facts) => isOpen(facts.gold, facts) && !facts.isStated(facts.gold),
  },
];

/** How the rules see a task: its fields, and the wrong and right values of an answer. */
export type JsonCauseInput = {
  unitsOf(one: ComparedCase["answer"], view: View): readonly Unit[];
  readonly fields: ReadonlyMap<string, Field> | undefined;
};

/** The rules for JSON objects. An error is a value that is missing, additional or wrong. */
export function jsonCauses({ unitsOf, fields }: JsonCauseInput): CauseRules {
  const leafOf = (json: string | undefined): Leaf | undefined =>
    json === undefined ? undefined : (JSON.parse(json) as Leaf);
  return {
    unit: "value",
    causes: causes.map(({ name, definition, phrase }) => ({ name, definition, phrase })),
    errors({ id, answer }, input, view) {
      const find = valueFinder(input);
      const wrong = unitsOf(answer, view).filter(({ hit }) => !hit);
      // The values are equal in the view, and the answer as it was written does not meet the schema.
      if (wrong.length === 0) return [{ id, kind: "changed", label: schemaPart, causes: ["not_allowed"] }];
      return wrong.map((unit): AnswerError => {
        const { gold, given, place } = unit;
        const facts: Facts = {
          ...{ gold, given, field: fields?.get(unit.field) },
          isParsed: answer.parsed,
          isCut: answer.finish === "length" || answer.notes.includes("truncated"),
          isFilled:
            given === undefined &&
            typeof gold === "object" &&
            gold !== null &&
            wrong.some((other) => other.gold === undefined && isWithin(other.place, place)),
          isStated: (value) => find(value) !== undefined,
        };
        return {
          ...{ id, kind: gold === undefined ? "added" : given === undefined ? "omitted" : "changed" },
          label: place === "" ? "(whole answer)" : place,
          causes: causes.filter(({ applies }) => applies(facts)).map(({ name }) => name),
          ...(gold === undefined ? {} : { expected: JSON.stringify(gold) }),
          ...(given === undefined ? {} : { given: JSON.stringify(given) }),
        };
      });
    },
    support: ({ answer }, view) =>
      unitsOf(answer, view).flatMap(({ field, gold }) => (gold === undefined ? [] : [field])),
    fieldOf({ label, expected, given }, known) {
      // An empty list is a value of the field of its items.
      const own = `${fieldOfPlace(label)}${(expected ?? given) === "[]" ? "[]" : ""}`;
      return known.has(own) || fields?.has(own) ? own : otherField;
    },
    quote({ expected, given }, cause, _, input): Quote | undefined {
      const [gold, answer] = [leafOf(expected), leafOf(given)];
      const isText = (leaf: Leaf | undefined): leaf is string | number =>
        typeof leaf === "number" || (typeof leaf === "string" && leaf.trim() !== "");
      if (cause === "other_in_input" && isText(answer)) {
        const quote = sentenceWith(answer, input);
        return quote === undefined ? undefined : { ...quote, name: null, trigger: quote.name };
      }
      return isText(gold) ? sentenceWith(gold, input) : undefined;
    },
  };
}

/** The field of a place: without the positions of list items. Quoted keys are kept. */
const fieldOfPlace = (place: string): string =>
  place.replace(/\["(?:[^"\\]|\\.)*"\]|\[\d+\]/g, (step) => (step.startsWith('["') ? step : "[]"));

const isWithin = (place: string, parent: string): boolean =>
  place.startsWith(parent) && /^[.[]/.test(place.slice(parent.length));
