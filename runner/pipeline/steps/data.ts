import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { audit, blocking, type SplitName, type Splits } from "../../data/audit.ts";
import type { Columns, RecordFormat } from "../../data/columns.ts";
import type { Turn } from "../../data/conversation.ts";
import { type Row, readRows } from "../../data/rows.ts";
import { holdOut, holdOutFold, takePart } from "../../data/split.ts";
import type { DataFiles } from "../../data/tables.ts";
import { oversampleByColumn } from "../../data/target.ts";
import type { SubgroupValues } from "../../evaluation/error-analysis/subgroups.ts";
import { type DatasetFile, type FetchedPart, readFetched } from "../../hub/dataset.ts";
import { datasetsOf, filesOf, hasRows } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { OpenTask, Task, TrainingTargets } from "../../plugins/tasks/task.ts";
import type { Json } from "../../util/canonical.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import type { Diagnostic, Result } from "../../util/diagnostic.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { readResult, writeResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { pathsOf } from "./fetch-data.ts";
import { jsonLines } from "./jsonl.ts";
import { readBack } from "./read-back.ts";
import { openTask, parsingParams, scoringFiles, type TaskParams, trainingSettingsOf } from "./task.ts";

/** One case as every later step reads it. */
export type DataRow = {
  readonly id: string;
  readonly input: string;
  /** Texts that templates name in addition to `input`, or in place of it; absent if there are none. */
  readonly fields?: Readonly<Record<string, string>>;
  /** The messages before the input of a conversation; absent without. */
  readonly turns?: readonly Turn[];
  /** The answer that the model is trained to give. */
  readonly target: string;
  /** What the task reads from the target cell: labels in the raw view, for label tasks. */
  readonly gold: unknown;
  /** Weight of a training row in the loss; absent without weights. */
  readonly weight?: number;
  /** The group of the case as a number, so that names of patients are in no output; absent without groups. */
  readonly group?: string;
};

type Part = {
  readonly limit: number | null;
  readonly seed: number;
  /** Number of files; absent: one. The sources are then `data.train.file.0` and so on, in the order of their rows. */
  readonly files?: number;
  /** The rows are those of a part in dataset.json, and not of a source. */
  readonly hub?: true;
  readonly sheet: string | null;
  /** Row of the column names in the sheet; absent: the first with a value. */
  readonly header_row?: number;
};

/** Everything that determines the rows of a study and the targets of the training. */
export type DataParams = TaskParams & {
  readonly columns: Columns & { readonly [key: string]: Json };
  /** Absent: table. */
  readonly format?: RecordFormat;
  readonly train: Part;
  /** A separate file, a share of the rows of the training file (`limit` and `sheet` are those of the part), or none. */
  readonly test: Part | (Part & { readonly fraction: number }) | null;
  /** A share or a fold of the training rows, a separate file (then `data.validation.file` is a source), or none. */
  readonly validation:
    | { readonly fraction: number; readonly seed: number }
    | { readonly folds: number; readonly fold: number; readonly seed: number }
    | Part
    | null;
  /** Settings by which the task writes training targets. */
  readonly training: Json;
  readonly accept: readonly string[];
  /** Column with the weights of training rows; absent without. */
  readonly weights?: string;
  /** Repetition of training rows by the values of a column; absent without. By labels, it is a part of `training`. */
  readonly oversample?: { readonly by: string; readonly rare_below: number; readonly max_repeat: number };
  /** Columns that subgroups of the evaluated rows are made by; absent without. */
  readonly subgroups?: { readonly split: "test" | "validation"; readonly columns: readonly string[] };
  readonly exp: string;
};

/** Reads the study's files as rows, splits and audits them, and writes the targets of the training. */
export const data: StepKind<DataParams> = {
  name: "data",
  version: 10,
  cached: true,
  outputs: () => [
    "train.jsonl",
    "validation.jsonl",
    "test.jsonl",
    "labels.json",
    "answers.json",
    "audit.json",
    "subgroups.jsonl",
  ],
  async run(params, context) {
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const fetched = context.hasInput("dataset")
      ? { parts: readResult("dataset.json", context.input("dataset")), cache: context.localPath("cache") }
      : undefined;
    const study = await readStudy(params, open, { source: (name) => context.source(name), fetched });
    const { validation, test } = study.splits;
    const prepared = prepareTraining(study, open, params);
    const asRow = ({ id, input, fields, turns, gold, group }: Row<unknown>): DataRow => ({
      ...{ id, input, ...(fields && { fields }), ...(turns && { turns }), target: prepared.write(gold), gold },
      ...(group === undefined ? {} : { group: study.groupNumber(group) }),
    });

    const report = auditStudy(study, { task, open, prepared, accept: params.accept });
    const save = (name: string, rows: readonly Row<unknown>[]): void =>
      writeFileSync(join(context.output, name), jsonLines(rows.map(asRow)));
    expectWeight(prepared.rows, params.weights);
    const weightOf = ({ weight }: Row<unknown>) => (weight === undefined ? {} : { weight });
    writeFileSync(
      join(context.output, "train.jsonl"),
      jsonLines(prepared.rows.map((row): DataRow => ({ ...asRow(row), ...weightOf(row) }))),
    );
    save("validation.jsonl", validation);
    save("test.jsonl", test);
    // Not in the rows: training and generation do not depend on subgroups.
    const evaluated = params.subgroups === undefined ? [] : study.splits[params.subgroups.split];
    const values = evaluated.map(({ id, subgroups = {} }): SubgroupValues => ({ id, values: subgroups }));
    writeFileSync(join(context.output, "subgroups.jsonl"), jsonLines(values));
    writeResult(context.output, "labels.json", prepared.labels);
    writeResult(context.output, "answers.json", prepared.answers);
    writeResult(context.output, "audit.json", report);
    context.evidence({ train: prepared.rows.length, validation: validation.length, test: test.length });

    const errors = blocking(report);
    if (errors.length > 0) {
      throw new UserError("data-audit", errors.map(({ code, message }) => `${code}: ${message}`).join("\n"), {
        help: errors.some(({ code }) => code === "no-rows")
          ? "add rows to the data, or take fewer for test and validation"
          : `correct the data, or accept the findings: data.accept: [${errors.map(({ code }) => code).join(", ")}]`,
      });
    }
  },
};

/** Prepares the training split, and repeats its rows by the column of `data.oversample`. */
export function prepareTraining(
  { splits: { train } }: Pick<Study, "splits">,
  open: OpenTask,
  { training, oversample }: Pick<DataParams, "training" | "oversample">,
): TrainingTargets<unknown> {
  const prepared = open.prepareTraining(train, training);
  return oversample === undefined ? prepared : { ...prepared, rows: oversampleByColumn(prepared.rows, oversample) };
}

/** Throws UserError `data` if no training row counts. */
function expectWeight(rows: readonly Row<unknown>[], column: string | undefined): void {
  if (column === undefined || rows.length === 0 || rows.some(({ weight = 0 }) => weight > 0)) return;
  throw new UserError("data", `all ${rows.length} training rows have weight 0 in "${column}" (train.sample_weights)`, {
    help: "give at least one row a weight above 0",
    status: "invalid",
  });
}

/** The rows of every split, and the splits whose file was not UTF-8. A split that the study lacks is empty. */
export type Study = {
  readonly splits: Readonly<Record<SplitName, readonly Row<unknown>[]>>;
  readonly recoded: readonly SplitName[];
  /** The number of a group, in order of first occurrence in the files: the same for all folds. */
  groupNumber(name: string): string;
};

/** Audits a study; rules about labels apply to label tasks only. */
export function auditStudy(
  { splits, recoded }: Pick<Study, "splits" | "recoded">,
  {
    task,
    open,
    prepared,
    accept,
  }: {
    readonly task: Task;
    readonly open: OpenTask;
    readonly prepared: TrainingTargets<unknown>;
    readonly accept: readonly string[];
  },
) {
  const { labels } = task;
  const given = new Map<Row, Row<unknown>>();
  const bare = (row: Row<unknown>): Row => {
    const copy = { ...row, gold: [] };
    given.set(copy, row);
    return copy;
  };
  const rows = labels === undefined ? mapSplits(splits, bare) : (splits as Splits);
  const read = readBack({ task, open, prepared });
  return audit(rows, {
    accept,
    readBack: (row) => read(given.get(row) ?? row),
    recoded,
    epochRows: prepared.rows.length,
    hasLabels: labels !== undefined,
    isSingle: labels?.isSingle,
    separator: open.separator,
    canonical: (label) => open.parts([label], "canonical")[0] ?? "",
  });
}

function mapSplits(splits: Study["splits"], map: (row: Row<unknown>) => Row): Splits {
  return { train: splits.train.map(map), validation: splits.validation.map(map), test: splits.test.map(map) };
}

/** Where the files of a study are. */
export type StudyFiles = {
  /** The path of a source by its name. */
  source(name: string): string;
  /** The parts that are from the hub, and the cache with their files. */
  readonly fetched: { readonly parts: Readonly<Record<string, FetchedPart>>; readonly cache: string } | undefined;
};

/** Reads the files of a study and splits them, as the data step does. Throws UserError. */
export async function readStudy(params: DataParams, open: OpenTask, files: StudyFiles): Promise<Study> {
  const { readTables } = await import("../../data/tables.ts");
  const recoded: SplitName[] = [];
  const groups = new Map<string, string>();
  const read = async (name: SplitName, part: Part): Promise<readonly Row<unknown>[]> => {
    const place = { sheet: part.sheet ?? undefined, headerRow: part.header_row };
    const { value: table, warnings } = unwrap(await readTables({ ...contentsOf(name, part, files), ...place }));
    if (warnings.some(({ code }) => code === "encoding")) recoded.push(name);
    const isEvaluated = params.subgroups?.split === name || (name === "train" && isPartOfTrain(params));
    const subgroups = isEvaluated ? params.subgroups?.columns : [];
    const rows = unwrap(
      readRows(table, params.columns, (cell) => open.readCell(cell), {
        subgroups,
        ...(name === "train" ? { weights: params.weights, strata: params.oversample?.by } : {}),
        format: params.format,
        readCells: open.readCells?.bind(open),
      }),
    ).value;
    for (const { group } of rows)
      if (group !== undefined && !groups.has(group)) groups.set(group, String(groups.size + 1));
    return rows;
  };
  const strataOf = ({ gold }: Row<unknown>): readonly string[] =>
    tasks.get(params.task).labels === undefined ? [] : (gold as readonly string[]);
  const by = (seed: number) => ({
    seed,
    strataOf,
    keyOf: params.columns.id === undefined ? undefined : ({ id }: Row<unknown>) => id,
  });
  const limited = (rows: readonly Row<unknown>[], { limit, seed }: Part) =>
    takePart(rows, limit ?? undefined, by(seed));

  const { validation, test } = params;
  const all = await read("train", params.train);
  const apart =
    test === null
      ? { rest: all, held: [] }
      : "fraction" in test
        ? holdOut(all, test.fraction, by(test.seed))
        : { rest: all, held: await read("test", test) };
  const given = limited(apart.rest, params.train);
  const kept =
    validation === null
      ? { rest: given, held: [] }
      : "fraction" in validation
        ? holdOut(given, validation.fraction, by(validation.seed))
        : "folds" in validation
          ? holdOutFold(given, validation.folds, validation.fold, by(validation.seed))
          : { rest: given, held: limited(await read("validation", validation), validation) };
  return {
    splits: { train: kept.rest, validation: kept.held, test: test === null ? [] : limited(apart.held, test) },
    recoded,
    groupNumber: (name) => groups.get(name) as string,
  };
}

/** The files of a part, and how their bytes are read. */
function contentsOf(name: SplitName, part: Part, { source, fetched }: StudyFiles): Pick<DataFiles, "paths" | "read"> {
  if (part.hub !== true) {
    const paths = sourceNames(`data.${name}.file`, part.files).map(source);
    return { paths, read: (path) => readRegularFile(path, "data file") };
  }
  const files = fetched === undefined ? [] : pathsOf(fetched.parts[name] as FetchedPart, fetched.cache);
  const byPath = new Map(files.map(({ path, file }) => [path, file]));
  return { paths: [...byPath.keys()], read: (path) => readFetched(path, byPath.get(path) as DatasetFile) };
}

/** The names of the sources with the files of a part. */
function sourceNames(key: string, count = 1): readonly string[] {
  return count === 1 ? [key] : Array.from({ length: count }, (_, at) => `${key}.${at}`);
}

/** Whether the evaluated rows are a part of the training file. */
function isPartOfTrain({ subgroups, ...parts }: DataParams): boolean {
  const part = subgroups && parts[subgroups.split];
  return part !== undefined && part !== null && ("fraction" in part || "folds" in part);
}

/** The result, or UserError that shows every error at its place. */
function unwrap<T>(result: Result<T>): Extract<Result<T>, { readonly ok: true }> {
  if (result.ok) return result;
  throw new UserError("data", result.diagnostics.map((one: Diagnostic) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}

/** The rows of one experiment. Paths of files are not parameters, so files may move. */
export function draftData(experiment: Experiment, site: Site) {
  const { train, test, validation, columns, format, accept, oversample } = experiment.data;
  const { split, subgroups } = experiment.evaluate;
  const part = (spec: Partial<Experiment["data"]["train"]>) => ({
    limit: spec.limit ?? null,
    seed: spec.limit === undefined ? 0 : (spec.seed ?? 1),
    ...(spec.hub === undefined ? {} : { hub: true as const }),
    ...(filesOf(spec).length > 1 ? { files: filesOf(spec).length } : {}),
    sheet: spec.sheet ?? null,
    ...(spec.header_row === undefined ? {} : { header_row: spec.header_row }),
  });
  const apartAs =
    validation?.fraction !== undefined
      ? { fraction: validation.fraction, seed: validation.seed }
      : validation?.folds !== undefined
        ? { folds: validation.folds, fold: validation.fold ?? 1, seed: validation.seed }
        : validation !== undefined && hasRows(validation)
          ? part(validation)
          : null;
  return draft({
    id: "data",
    kind: data.name,
    params: {
      columns: { ...columns } as unknown as Json,
      ...(format === "table" ? {} : { format }),
      train: part(train),
      test:
        test === undefined
          ? null
          : test.fraction === undefined
            ? part(test)
            : { ...part(test), fraction: test.fraction, seed: test.seed },
      validation: apartAs,
      ...parsingParams(experiment),
      training: trainingSettingsOf(experiment),
      accept: [...accept],
      ...(experiment.train?.sample_weights === undefined ? {} : { weights: experiment.train.sample_weights }),
      ...(oversample?.by === undefined ? {} : { oversample: { ...oversample, by: oversample.by } }),
      ...(subgroups.length === 0 ? {} : { subgroups: { split, columns: [...subgroups] } }),
      exp: site.version,
    },
    sources: {
      ...Object.fromEntries(
        Object.entries({ train, test, validation }).flatMap(([name, part]) => {
          const files = filesOf(part);
          return sourceNames(`data.${name}.file`, files.length).map((key, at) => [key, files[at] as string]);
        }),
      ),
      ...scoringFiles(experiment),
    },
    ...(Object.keys(datasetsOf(experiment.data)).length === 0
      ? {}
      : { inputs: { dataset: { step: "fetch_data", file: "dataset.json" } }, localPaths: { cache: site.hub.cache } }),
  });
}
