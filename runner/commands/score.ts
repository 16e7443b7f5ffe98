import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseSynonyms } from "../data/labels/synonyms.ts";
import { type Synonyms, type View, viewOf, views } from "../data/labels/views.ts";
import { isFile, joinAnswers, readAnswers } from "../evaluation/metrics/answers.ts";
import { type MetricName, metricNames } from "../evaluation/metrics/metrics.ts";
import type { Names } from "../evaluation/metrics/predictions.ts";
import { score } from "../evaluation/metrics/score.ts";
import { type Case, intern, tabulate } from "../evaluation/metrics/table.ts";
import { type Intervals, intervalsOf } from "../evaluation/statistics/intervals.ts";
import { table } from "../terminal/table.ts";
import { formatDiagnostic, toJson } from "../util/code-frame.ts";
import { type Act, type Context, exit } from "../util/context.ts";
import type { Diagnostic } from "../util/diagnostic.ts";

type Options = {
  readonly json?: boolean;
  readonly id?: string;
  readonly gold?: string;
  readonly goldColumn?: string;
  readonly goldId?: string;
  readonly pred?: string;
  readonly separator?: string;
  readonly synonyms?: string;
  readonly bootstrap?: string;
  readonly seed?: string;
};

/** `exp score FILE`: every metric in every label view for any file of predictions, with intervals if asked. */
export const command: Act = async ([path], given, context) => {
  const options = given as Options;
  const number = (name: "bootstrap" | "seed", least: number, most: number): number | undefined => {
    const value = Number(options[name]);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new Refusal(`--${name} takes a whole number from ${least} on, not "${options[name]}"`);
  };
  try {
    const resamples = options.bootstrap === undefined ? undefined : number("bootstrap", 100, 10_000_000);
    const seed = options.seed === undefined ? 1 : (number("seed", 0, 2 ** 32 - 1) as number);
    if (options.separator === "") throw new Refusal("--separator takes the text between labels, not an empty one");
    const synonyms = options.synonyms === undefined ? undefined : readSynonyms(options.synonyms, context);
    const cases = await readCases(path as string, options, context);
    const { n, views: scores } = score(cases, { synonyms });
    const intervals = resamples === undefined ? undefined : await intervalsByView(cases, synonyms, { resamples, seed });
    if (options.json === true) {
      context.out(`${JSON.stringify({ n, views: scores, ...(intervals ? { intervals } : {}) }, null, 1)}\n`);
      return exit.done;
    }
    const cell = (view: View, name: MetricName): string => {
      const range = intervals?.[view][name];
      const ends = range === undefined ? "" : ` [${range.low.toFixed(4)}, ${range.high.toFixed(4)}]`;
      return `${scores[view][name].toFixed(4)}${ends}`;
    };
    context.out(`${n} case${n === 1 ? "" : "s"}\n`);
    context.out(
      table([["metric", ...views], ...metricNames.map((name) => [name, ...views.map((view) => cell(view, name))])]),
    );
    return exit.done;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const one of error.diagnostics) {
      if (options.json === true) context.out(`${JSON.stringify(toJson(one))}\n`);
      else context.err(`${formatDiagnostic(one, { color: context.color })}\n`);
    }
    if (error.message !== "") context.err(`exp score: ${error.message}\n`);
    return exit.invalid;
  }
};

/** Input that cannot be scored: what is wrong at its places, or in one sentence. */
class Refusal extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.diagnostics = diagnostics;
  }
}

async function readCases(path: string, { gold, ...options }: Options, context: Context): Promise<readonly Case[]> {
  const file = gold !== undefined && isFile(gold) ? gold : undefined;
  const names = {
    id: options.id ?? "id",
    gold: file === undefined ? (gold ?? "gold") : (options.goldColumn ?? "gold"),
    pred: options.pred ?? "pred",
    separator: options.separator,
  };
  const read = async (name: string, sides: Names["sides"], id = names.id): Promise<readonly Case[]> => {
    const result = await readAnswers(name, bytesOf(name, context), { ...names, id, sides });
    if (!result.ok) throw new Refusal("", result.diagnostics);
    for (const warning of result.warnings) context.err(`${formatDiagnostic(warning, { color: context.color })}\n`);
    return result.value;
  };
  if (file === undefined) return read(path, ["gold", "pred"]);
  const joined = joinAnswers(
    { path: file, cases: await read(file, ["gold"], options.goldId) },
    { path, cases: await read(path, ["pred"]) },
  );
  if (!joined.ok) throw new Refusal("", joined.diagnostics);
  return joined.value;
}

function readSynonyms(path: string, context: Context): Synonyms {
  const parsed = parseSynonyms({ path, text: bytesOf(path, context).toString("utf8") });
  if (!parsed.ok) throw new Refusal("", parsed.diagnostics);
  return parsed.value;
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "this is a folder, not a file",
  EACCES: "this file may not be read",
};

function bytesOf(path: string, { cwd }: Context): Buffer {
  try {
    return readFileSync(resolve(cwd, path));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const span = { source: { path, text: "" }, start: 0, end: 0 };
    const message = unreadable[code] ?? `this file cannot be read: ${(error as Error).message}`;
    throw new Refusal("", [{ severity: "error", code: "missing-file", message, span }]);
  }
}

async function intervalsByView(
  cases: readonly Case[],
  synonyms: Synonyms | undefined,
  draws: { readonly resamples: number; readonly seed: number },
): Promise<Readonly<Record<View, Intervals>>> {
  const interned = intern(cases);
  const tables = views.map((view) => tabulate(interned, viewOf(view, synonyms)));
  const made = await intervalsOf(tables, metricNames, draws);
  return Object.fromEntries(views.map((view, index) => [view, made[index]])) as Record<View, Intervals>;
}
