import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import { allowedAnswers } from "../../data/answers.ts";
import { audit, blocking, type SplitName } from "../../data/audit.ts";
import { type View, viewOf } from "../../data/labels/views.ts";
import { labelCounts } from "../../data/labels.ts";
import { type Columns, type Row, readRows, takePart } from "../../data/rows.ts";
import { splitFold, splitValidation } from "../../data/split.ts";
import { oversample, targetWriter } from "../../data/target.ts";
import type { Json } from "../../util/canonical.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import type { Diagnostic, Result } from "../../util/diagnostic.ts";
import { UserError } from "../../util/user-error.ts";
import type { StepKind } from "../plan/step.ts";
import { writeResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { jsonLines } from "./jsonl.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

export type { LabelCount } from "../../data/labels.ts";

/** One case as every later step reads it. */
export type DataRow = {
  readonly id: string;
  readonly input: string;
  /** What the model is taught to answer. */
  readonly target: string;
  /** Labels in the raw view. */
  readonly gold: readonly string[];
};

type Part = { readonly limit: number | null; readonly seed: number; readonly sheet: string | null };

/** All that decides which rows a study has and what is taught. */
export type DataParams = {
  readonly columns: Columns & { readonly [key: string]: string };
  readonly train: Part;
  readonly test: Part | null;
  /** A share or a fold of the training rows, a file of its own (then `data.validation.file` is a source), or none. */
  readonly validation:
    | { readonly fraction: number; readonly seed: number }
    | { readonly folds: number; readonly fold: number; readonly seed: number }
    | Part
    | null;
  readonly separator: string;
  readonly task: "label_set" | "single_label";
  readonly targets: { readonly view: View; readonly order: "as_is" | "alphabetical" | "frequency" };
  readonly oversample: { readonly rare_below: number; readonly max_repeat: number } | null;
  readonly accept: readonly string[];
  readonly exp: string;
};

/** Reads the study's files as rows, splits them, audits them, and writes what the model is taught to answer. */
export const data: StepKind<DataParams> = {
  name: "data",
  version: 4,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "test.jsonl", "labels.json", "answers.json", "audit.json"],
  async run(params, context) {
    const study = await readStudy(params, (name) => context.source(name));
    const { train, validation, test } = study.splits;
    const synonyms = synonymsOf(context);
    const of = viewOf(params.targets.view, synonyms);
    const counts = labelCounts(train, of);
    const write = targetWriter({ of, order: params.targets.order, separator: params.separator, counts });
    const taught = params.oversample === null ? train : oversample(train, { ...params.oversample, of, counts });
    const asRow = ({ id, input, gold }: Row): DataRow => ({ id, input, target: write(gold), gold });

    const report = audit(study.splits, { ...params, recoded: study.recoded, synonyms });
    const save = (name: string, text: string): void => writeFileSync(join(context.output, name), text);
    save("train.jsonl", jsonLines(taught.map(asRow)));
    save("validation.jsonl", jsonLines(validation.map(asRow)));
    save("test.jsonl", jsonLines(test.map(asRow)));
    writeResult(context.output, "labels.json", labelCounts(train, viewOf("raw")));
    writeResult(context.output, "answers.json", allowedAnswers(train, { of, counts, ...params }));
    writeResult(context.output, "audit.json", report);
    context.evidence({ train: taught.length, validation: validation.length, test: test.length });

    const errors = blocking(report);
    if (errors.length > 0) {
      throw new UserError("data-audit", errors.map(({ code, message }) => `${code}: ${message}`).join("\n"), {
        help: `correct the data, or accept what you have seen: data.accept: [${errors.map(({ code }) => code).join(", ")}]`,
      });
    }
  },
};

/** The rows of every part, and the parts whose file was not UTF-8. A part that the study does not have is empty. */
export type Study = {
  readonly splits: Readonly<Record<SplitName, readonly Row[]>>;
  readonly recoded: readonly SplitName[];
};

/** Reads the files of a study and splits them, as the data step does; `source` gives the path behind a name. Throws UserError. */
export async function readStudy(params: DataParams, source: (name: string) => string): Promise<Study> {
  const { readTable } = await import("../../data/table.ts");
  const recoded: SplitName[] = [];
  const read = async (name: SplitName, part: Part): Promise<readonly Row[]> => {
    const path = source(`data.${name}.file`);
    const { value: table, warnings } = unwrap(
      await readTable({ path, bytes: readFileSync(path), sheet: part.sheet ?? undefined }),
    );
    if (warnings.some(({ code }) => code === "encoding")) recoded.push(name);
    const cells = { separator: params.separator, task: params.task };
    return takePart(unwrap(readRows(table, params.columns, cells)).value, part.limit ?? undefined, part.seed);
  };
  const given = await read("train", params.train);
  const test = params.test === null ? [] : await read("test", params.test);
  const { validation } = params;
  if (validation === null) return { splits: { train: given, validation: [], test }, recoded };
  if ("fraction" in validation)
    return { splits: { ...splitValidation(given, validation.fraction, validation.seed), test }, recoded };
  if ("folds" in validation)
    return { splits: { ...splitFold(given, validation.folds, validation.fold, validation.seed), test }, recoded };
  return { splits: { train: given, validation: await read("validation", validation), test }, recoded };
}

/** The result, or UserError that shows every error at its place. */
function unwrap<T>(result: Result<T>): Extract<Result<T>, { readonly ok: true }> {
  if (result.ok) return result;
  throw new UserError("data", result.diagnostics.map((one: Diagnostic) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}

/** The rows of one experiment. Where the files lie is no parameter, so that they may move. */
export function draftData(experiment: Experiment, site: Site) {
  const { train, test, validation, columns, labels, targets, oversample: repeat, accept } = experiment.data;
  const part = (spec: { limit?: number | undefined; seed?: number | undefined; sheet?: string | undefined }) => ({
    limit: spec.limit ?? null,
    seed: spec.limit === undefined ? 0 : (spec.seed ?? 1),
    sheet: spec.sheet ?? null,
  });
  const apartAs =
    validation?.fraction !== undefined
      ? { fraction: validation.fraction, seed: validation.seed }
      : validation?.folds !== undefined
        ? { folds: validation.folds, fold: validation.fold ?? 1, seed: validation.seed }
        : validation?.file !== undefined
          ? part(validation)
          : null;
  return draft({
    id: "data",
    kind: data.name,
    params: {
      columns: { ...columns } as unknown as Json,
      train: part(train),
      test: test === undefined ? null : part(test),
      validation: apartAs,
      separator: labels.separator,
      task: experiment.task,
      targets: { ...targets },
      oversample: repeat === undefined ? null : { ...repeat },
      accept: [...accept],
      exp: site.version,
    },
    sources: {
      "data.train.file": train.file,
      ...(test === undefined ? {} : { "data.test.file": test.file }),
      ...(validation?.file === undefined ? {} : { "data.validation.file": validation.file }),
      ...(labels.synonyms === undefined ? {} : { "data.labels.synonyms": labels.synonyms }),
    },
  });
}
