import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import type { FromSchema } from "json-schema-to-ts";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { labelKeys } from "../evaluation/labels/label-keys.ts";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import { fileSchema, schemaJson } from "./json-schema.ts";
import { experimentSchema, registeredNames, schemaOfTask } from "./schema.ts";
import { allPaths, schemasAt, visitKeys } from "./schema-visitor.ts";
import type { data, lastKeys } from "./sections/data.ts";
import type { model } from "./sections/model.ts";
import type { prompt } from "./sections/prompt.ts";
import type { report } from "./sections/report.ts";
import type { upload } from "./sections/upload.ts";

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
type Agrees<S, T> = [DeepReadonly<S>] extends [T] ? ([T] extends [DeepReadonly<S>] ? true : false) : false;

type LabelledData = Omit<typeof data, "properties"> & {
  readonly properties: (typeof data)["properties"] & typeof labelKeys & typeof lastKeys;
};
/** `data` of a label task: the keys of the task are present. */
type LabelledExperimentData = Experiment["data"] & Required<Pick<Experiment["data"], "labels" | "targets">>;

const package_ = fileURLToPath(new URL("../..", import.meta.url));

describe("the schema that editors use", () => {
  it("is up to date (npx vitest run runner/config/schema.test.ts -u writes it)", async () => {
    await expect(schemaJson()).toMatchFileSnapshot("../schemas/experiment.schema.json");
  });
  it("accepts a partial file and rejects a misspelt key", () => {
    const validate = new Ajv({ strict: false }).compile(JSON.parse(schemaJson()));
    const takes = (text: string) => validate(parse(text));
    expect(takes("name: x\nextends: base.yaml\ntrain: {rank: 8}\nsweep: {grid: {train.rank: [1]}}\n")).toBe(true);
    expect(takes("generate: {engine: replay, file: x.jsonl}\ntrain: {backend: torchtune}\n")).toBe(true);
    expect(takes("name: x\ntrain: {rnak: 8}\n")).toBe(false);
    expect(takes("sweep: {grid: {train.rnk: [1]}}\n")).toBe(false);
    expect(takes("sweep: {grid: {train.overrides.optimizer.fused: [true]}}\n")).toBe(true);
    expect(takes("name: x\nevaluate: {metrics: [micro_f2]}\n")).toBe(false);
  });
});

it("every key has a description", () => {
  const silent = allPaths().filter((path) => !schemasAt(path.split(".")).every(({ description }) => description));
  expect(silent).toEqual([]);
});

it("every key has an example that is valid", () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  // A section with keys is its own example, and the tag of a union has the names of the union.
  const keys = [...visitKeys(fileSchema())].filter(({ path, schema }) => path.length > 1 && schema.const === undefined);
  const wrong = keys.filter(({ schema: { examples = [], ...schema } }) => {
    return examples.length === 0 || !examples.every((example) => ajv.validate(schema, example));
  });
  expect(wrong.map(({ path }) => path.join("."))).toEqual([]);
});

it("lists agree with the registries", () => {
  const { task, train, generate, evaluate, data } = experimentSchema().properties ?? {};
  expect(task?.enum).toEqual(tasks.names());
  for (const { metrics, schema, defaults, name } of tasks) {
    expect(evaluate?.properties?.metrics?.items?.anyOf?.[0]?.enum).toEqual(
      expect.arrayContaining([...metrics.names()]),
    );
    expect(Object.keys(data?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(schema.data ?? {})));
    const own = schemaOfTask(name).properties?.evaluate?.properties?.metrics;
    expect(own).toMatchObject({ default: defaults.metrics });
  }
  expect(train?.oneOf).toEqual([...backends].map(({ schema }) => schema));
  expect(generate?.oneOf).toEqual([...engines].map(({ schema }) => schema));
  for (const { name, schema } of backends) expect(schema.properties.backend).toMatchObject({ const: name });
  for (const { name, schema } of engines) expect(schema.properties.engine).toMatchObject({ const: name });
});

it("the type Experiment agrees with the sections of the schema", () => {
  // The type checker is the test: it rejects a line whose schema and type differ.
  const agree = [
    true satisfies Agrees<Omit<FromSchema<LabelledData>, "columns">, Omit<LabelledExperimentData, "columns">>,
    // The columns that the format implies are present in an experiment.
    true satisfies Agrees<FromSchema<typeof data.properties.columns>, Partial<Experiment["data"]["columns"]>>,
    true satisfies Agrees<FromSchema<typeof model>, Experiment["model"]>,
    true satisfies Agrees<FromSchema<typeof prompt>, Experiment["prompt"]>,
    true satisfies Agrees<FromSchema<typeof report>, Experiment["report"]>,
    true satisfies Agrees<FromSchema<typeof upload>, NonNullable<Experiment["upload"]>>,
  ];
  expect(agree).not.toContain(false);
});

it("every reserved key of a trainer names an experiment key that exists", () => {
  for (const { capabilities } of backends) {
    for (const [key, instead] of Object.entries(capabilities.reserved)) {
      expect(schemasAt(instead.split("."))).not.toEqual([]);
      expect(capabilities.overrides).not.toContain(key);
    }
  }
});

it("validators compiled at build time report the same errors as those of the source", () => {
  const script = `
    const { precompiledValidators } = await import("./runner/config/precompile.mjs");
    const { build } = await import("esbuild");
    const entryPoints = ["runner/config/precompiled.ts"];
    const plugins = [precompiledValidators()];
    const bundle = await build({ entryPoints, plugins, bundle: true, write: false, format: "cjs", platform: "node" });
    const module = { exports: {} };
    new Function("module", "exports", "require", bundle.outputFiles[0].text)(module, module.exports, undefined);
    const { names, validateExperiment, validateSweep } = module.exports.precompiled;
    const errors = (validate, value) => (validate(value), (validate.errors ?? []).map((one) => one.instancePath + " " + one.keyword));
    console.log(JSON.stringify([
      names,
      errors(validateExperiment, { name: "a b", train: { backend: "torchtune", rnak: 1, keep: 3 } }),
      errors(validateSweep, { grid: { a: [] }, gird: 1 }),
    ]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: package_,
    encoding: "utf8",
  });
  const [names, experiment, sweep] = JSON.parse(output) as [string, string[], string[]];
  expect(names).toBe(registeredNames());
  expect(experiment).toEqual(
    expect.arrayContaining(["/name pattern", "/train additionalProperties", " required", "/train/keep anyOf"]),
  );
  expect(sweep).toEqual(expect.arrayContaining([" additionalProperties", "/grid/a minItems"]));
});

it("the key list of torchtune is the committed one", () => {
  const keys = JSON.parse(readFileSync(`${package_}recipes/torchtune/keys.json`, "utf8"));
  expect(backends.get("torchtune").capabilities.overrides).toEqual(keys);
});
