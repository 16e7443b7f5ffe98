import { views as labelViews, type View } from "../../data/labels/views.ts";
import type { ScoredCases } from "../../plugins/metrics/metric.ts";
import type { OpenTask, ScoredCase, TaskFiles } from "../../plugins/tasks/task.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import { UserError } from "../../util/user-error.ts";
import { schemaPart } from "./categories.ts";
import { jsonCauses } from "./causes.ts";
import { compareValues, leaves, type Unit } from "./compare.ts";
import { type ComparedAnswer, otherField } from "./counters.ts";
import { fieldConfusions, fieldRows, type JsonDetails, schemaErrors } from "./details.ts";
import { parseAnswer } from "./parse-answer.ts";
import { part } from "./path.ts";
import { readCells } from "./read-cells.ts";
import { type AnswerSchema, parseSchema } from "./schema.ts";
import { type ParsingSettings, type ScoringSettings, schemaKey } from "./settings.ts";
import { jsonStrata } from "./strata.ts";
import { isObject, type JsonObject, type JsonValue, readJson } from "./value.ts";
import { writeJson } from "./write.ts";

type JsonCase = ScoredCase<JsonValue, JsonObject | null>;

/** The views of the task. */
export const jsonViews: readonly View[] = labelViews.slice(0, 2);

/**
 * The task with its schema. Without a schema file, any object is valid, and fields are those of gold. It loads the
 * validator, so only opening a task imports it.
 */
export function openJson(
  parsing: ParsingSettings | null,
  files: TaskFiles,
  scoring: ScoringSettings | undefined,
): OpenTask<JsonValue, JsonObject | null> {
  const schema = schemaOf(files);
  const tolerance = scoring?.tolerance ?? 0;
  const answers = parsing?.answers ?? "lenient";
  const inOrder = (value: JsonValue): JsonValue => schema?.inOrder(value) ?? value;
  const compare = (gold: JsonValue, given: JsonValue | null, view: View): readonly Unit[] =>
    compareValues(gold, given, { view, tolerance, fields: schema?.fields });
  const errorOf = (value: JsonValue): string | undefined =>
    isObject(value) ? schema?.errorOf(value) : "the answer must be an object";

  const compared = ({ target, prediction, parsed = true }: JsonCase, view: View): ComparedAnswer => {
    const value = parsed ? prediction : null;
    const units = compare(target, value, view);
    const isValid = value !== null && errorOf(value) === undefined;
    return { value, isValid, isExact: isValid && units.every(({ hit }) => hit), units };
  };
  /** Fields by their names; those that neither the schema nor gold has are one. */
  const named = (cases: readonly ComparedAnswer[]): readonly ComparedAnswer[] => {
    const known = new Set([
      ...(schema?.fields.keys() ?? []),
      ...cases.flatMap(({ units }) => units.flatMap(({ field, gold }) => (gold === undefined ? [] : [field]))),
    ]);
    const nameOf = (field: string): string => (known.has(field) ? field : otherField);
    return cases.map((one) => ({ ...one, units: one.units.map((unit) => ({ ...unit, field: nameOf(unit.field) })) }));
  };

  const readValue = (text: string, value: JsonValue) => {
    const target = inOrder(value);
    const error = isObject(target) ? errorOf(target) : "it must be an object";
    if (error === undefined) return { text, target };
    return { text, target, problem: `the target does not meet the schema: ${error}`, help: cellHelp };
  };

  return {
    readCell(cell) {
      const text = typeof cell === "string" ? cell : JSON.stringify(cell);
      const read = readJson(text);
      if (!read.ok)
        return { text, target: null, problem: `the target cannot be read: ${read.problem}`, help: cellHelp };
      return readValue(text, read.value);
    },
    readCells(cells) {
      const read = readCells(cells, schema?.document);
      if (!read.ok) return { text: "", target: null, problem: read.problem, help: cellsHelp };
      return { ...readValue(writeJson(inOrder(read.value)), read.value), help: cellsHelp };
    },
    prepareTraining: (rows) => ({
      ...{ rows, write: writeJson, labels: [] },
      answers: schema === undefined ? null : { schema: schema.document },
    }),
    parseAnswer(text, { finish }) {
      const { value, notes } = parseAnswer(text, { answers, finish });
      const isInvalid = value !== null && errorOf(value) !== undefined;
      return { prediction: value, parsed: value !== null, notes: isInvalid ? [...notes, "invalid"] : notes };
    },
    scorer: (cases) => (view) => scoredCases(named(cases.map((one) => compared(one, view))), cases),
    parts(value, view, gold) {
      if (value === null || value === undefined) return [];
      if (gold === undefined) return leaves(value).map(({ at, leaf }) => part(at.place, leaf as JsonValue));
      const parts = compare(gold as JsonValue, value, view).flatMap((unit) =>
        unit.given === undefined ? [] : [part(unit.place, (unit.hit ? unit.gold : unit.given) as JsonValue)],
      );
      const error = errorOf(value);
      return error === undefined ? parts : [...parts, `${schemaPart}: ${error}`];
    },
    details(cases): JsonDetails {
      const byView = Object.fromEntries(
        jsonViews.map((view) => [view, named(cases.map((one) => compared(one, view))).map(({ units }) => units)]),
      );
      const errors = cases.map(({ prediction, parsed = true }) =>
        !parsed || prediction === null ? "no JSON object could be read" : errorOf(prediction),
      );
      return {
        per_field: Object.fromEntries(
          jsonViews.map((view) => [view, fieldRows(byView[view] as readonly (readonly Unit[])[], schema)]),
        ) as JsonDetails["per_field"],
        field_confusions: fieldConfusions(byView.raw as readonly (readonly Unit[])[], schema),
        schema_errors: schemaErrors(errors.filter((error) => error !== undefined)),
      };
    },
    strata: jsonStrata,
    causes: jsonCauses({
      unitsOf: ({ gold, prediction, parsed }, view) =>
        compare(gold as JsonValue, parsed ? (prediction as JsonValue | null) : null, view),
      fields: schema?.fields,
    }),
    ...(schema === undefined ? {} : { form: writeJson(schema.document) }),
  };
}

const cellHelp =
  "write one JSON object that meets the schema, a column with nested objects, or data.columns.targets for several columns";

const cellsHelp =
  "write values of the types that the schema states; an empty cell is null where the schema allows null";

function scoredCases(compared: readonly ComparedAnswer[], cases: readonly JsonCase[]): ScoredCases {
  const textOf = ({ isValid, isExact, units }: ComparedAnswer): string => JSON.stringify([isValid, isExact, units]);
  return {
    n: cases.length,
    space: undefined,
    target: (row) => cases[row]?.target,
    prediction: (row) => compared[row],
    isCorrect: (row) => compared[row]?.isExact ?? false,
    isSame: (other) =>
      other.n === cases.length &&
      compared.every((one, row) => textOf(one) === textOf(other.prediction(row) as ComparedAnswer)),
  };
}

/** The schema of the study. Throws UserError that shows every error at its place. */
function schemaOf(files: TaskFiles): AnswerSchema | undefined {
  const source = files(schemaKey);
  if (source === undefined) return undefined;
  const result = parseSchema(source);
  if (result.ok) return result.value;
  throw new UserError("json-schema", result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}
