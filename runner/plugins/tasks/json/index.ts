import { jsonCategories } from "../../../evaluation/json/categories.ts";
import type { ComparedAnswer } from "../../../evaluation/json/counters.ts";
import { inferSchema } from "../../../evaluation/json/infer-schema.ts";
import { jsonMetrics } from "../../../evaluation/json/metrics.ts";
import { examineSchema } from "../../../evaluation/json/schema-file.ts";
import {
  jsonKeys,
  type ParsingSettings,
  type ScoringSettings,
  schemaKey,
  settingsOf,
} from "../../../evaluation/json/settings.ts";
import { isObject, type JsonObject, type JsonValue, readJson } from "../../../evaluation/json/value.ts";
import { writeJson } from "../../../evaluation/json/write.ts";
import type { Task } from "../task.ts";

/** A JSON object that meets a JSON Schema: structured extraction. */
export const json: Task<JsonValue, JsonObject | null> = {
  name: "json",
  description: "A JSON object that meets a JSON Schema.",
  schema: { data: jsonKeys },
  views: ["raw", "basic"],
  metrics: jsonMetrics,
  plain: (value, _space, side) => (side === "target" ? (value as JsonValue) : (value as ComparedAnswer).value),
  baselines: ["frequent_values", "nearest", "tfidf_fields"],
  defaults: {
    metrics: ["field_f1", "macro_field_f1", "field_precision", "field_recall", "exact_match", "validity"],
    primary: { metric: "field_f1", view: "basic" },
    baselines: ["frequent_values", "nearest"],
  },
  predictionKey: "prediction",
  readsColumns: true,
  constraints: ["schema"],
  categories: jsonCategories,
  words: {
    task: "Each case consists of an input text and one JSON object, which meets the schema of the study.",
    output: "a JSON object from a text",
    views:
      "Objects are compared field by field in two views. Raw: strings without outer whitespace. Basic: also Unicode form, letter case, inner whitespace and trailing punctuation of strings normalised, and times compared as instants. In both views, values of different JSON types differ, numbers are compared by value, enums as they are, and lists as multisets. ",
  },
  instruction: () => ({
    labels: "",
    form: "Answer with one JSON object that meets this JSON Schema, and with nothing else:",
    hasForm: true,
  }),
  parsingSettings: (sections): ParsingSettings => ({ answers: settingsOf(sections).answers }),
  scoringSettings: (sections): ScoringSettings => ({ tolerance: settingsOf(sections).tolerance }),
  trainingSettings: () => null,
  files(sections) {
    const { schema } = settingsOf(sections);
    return { scoring: schema === undefined ? {} : { [schemaKey]: schema }, analysis: {} };
  },
  pythonReader: () => ({
    imports: ["json"],
    lines: [
      'start = answer.find("{")',
      "print(json.JSONDecoder().raw_decode(answer[start:])[0] if start >= 0 else None)",
    ],
  }),
  fileParsers: { [schemaKey]: examineSchema },
  answerForm: [schemaKey],
  requires: [schemaKey],
  propose(cells) {
    if (!cells.every((cell) => cell.trimStart().startsWith("{"))) return undefined;
    const objects = cells.map((cell) => readJson(cell)).map((read) => (read.ok ? read.value : null));
    if (objects.length === 0 || !objects.every(isObject)) return undefined;
    const schema = inferSchema(objects);
    const path = "schemas/first.schema.json";
    return {
      data: { json: { schema: path } },
      files: { [path]: `${JSON.stringify(schema, null, 2)}\n` },
      form: writeJson(schema),
    };
  },
  async open(parsing, files, scoring) {
    const { openJson } = await import("../../../evaluation/json/open-json.ts");
    return openJson(parsing as ParsingSettings | null, files, scoring as ScoringSettings | undefined);
  },
};
