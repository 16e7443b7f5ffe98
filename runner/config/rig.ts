import { positionOf } from "../util/code-frame.ts";
import type { Diagnostic, Result } from "../util/diagnostic.ts";
import type { Files } from "./files.ts";
import { loadExperiment } from "./load.ts";
import type { LoadedExperiment, LoadOptions } from "./loaded.ts";

/** Files in memory, for tests: absolute path -> content. The paths imply the folders. */
export function memoryFiles(contents: Readonly<Record<string, string | Uint8Array>>): Files {
  const bytes = (content: string | Uint8Array) =>
    typeof content === "string" ? new TextEncoder().encode(content) : content;
  return {
    read(path, limit) {
      const content = contents[path];
      return content === undefined ? undefined : bytes(content).subarray(0, limit);
    },
    size: (path) => (contents[path] === undefined ? undefined : bytes(contents[path]).length),
    kind(path) {
      if (contents[path] !== undefined) return "file";
      return Object.keys(contents).some((name) => name.startsWith(`${path}/`)) ? "folder" : undefined;
    },
    list(path) {
      const below = Object.keys(contents).filter((name) => name.startsWith(`${path}/`));
      return [...new Set(below.map((name) => name.slice(path.length + 1).split("/")[0] as string))];
    },
  };
}

const table = "case_id,input_finding,output_disease\n1,Cyst in the left kidney.,Renal cyst\n";

/** A small valid study. Tests change one thing of it. */
export const goodStudy: Readonly<Record<string, string>> = {
  "/study/package.json": "{}",
  "/study/prompts/diagnosis.hbs": "{{#user}}{{input}}{{/user}}",
  "/study/prompts/zero-shot.hbs": "{{#user}}{{input}}{{/user}}",
  "/study/experiments/data/train.csv": table,
  "/study/experiments/data/test.csv": table,
  "/study/experiments/base.yaml": `data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: case_id, input: input_finding, target: output_disease}
model: {base: smollm2-135m}
prompt: {template: prompts/diagnosis.hbs}
`,
};

/** Loads one text as experiments/x.yaml of the study; `more` adds files or replaces them. */
export function loadText(
  text: string | Uint8Array,
  more: {
    files?: Readonly<Record<string, string | Uint8Array>>;
    set?: readonly string[];
    sweep?: readonly string[];
    smoke?: boolean;
    modelConfig?: LoadOptions["modelConfig"];
  } = {},
): Result<LoadedExperiment> {
  return loadExperiment("experiments/x.yaml", {
    files: memoryFiles({ ...goodStudy, ...more.files, "/study/experiments/x.yaml": text }),
    cwd: "/study",
    bundledModels: { "smollm2-135m": { parameters: 134_515_008 } },
    auditCodes: ["leak"],
    ...(more.set === undefined ? {} : { set: more.set }),
    ...(more.sweep === undefined ? {} : { sweep: more.sweep }),
    ...(more.smoke === undefined ? {} : { smoke: more.smoke }),
    ...(more.modelConfig === undefined ? {} : { modelConfig: more.modelConfig }),
  });
}

/** The diagnostics of a text as "LINE:COL code", after "FILE:" if they are in another file. */
export function wrong(...input: Parameters<typeof loadText>): readonly string[] {
  return diagnosticsOf(...input).map((one) => `${placeOf(one)} ${one.code}`);
}

/** The same with message and help: "LINE:COL code: message (help)". For facts in messages, and for the snapshot of the wording. */
export function messages(...input: Parameters<typeof loadText>): readonly string[] {
  return diagnosticsOf(...input).map(
    (one) => `${placeOf(one)} ${one.code}: ${one.message}${one.help === undefined ? "" : ` (${one.help})`}`,
  );
}

function diagnosticsOf(...input: Parameters<typeof loadText>): readonly Diagnostic[] {
  const result = loadText(...input);
  return result.ok ? result.warnings : result.diagnostics;
}

function placeOf({ span }: Diagnostic): string {
  const { line, column } = positionOf(span);
  const file = span.source.path === "experiments/x.yaml" ? "" : `${span.source.path}:`;
  return `${file}${line}:${column}`;
}
