import { existsSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { parseGroups, parseSynonyms } from "../data/labels/synonyms.ts";
import { type View, viewOf, views } from "../data/labels/views.ts";
import { caseSetOf } from "../evaluation/case-set.ts";
import { groupsOfLabels } from "../evaluation/labels/open-labels.ts";
import { comparePaired } from "../evaluation/labels/paired.ts";
import type { FileCase } from "../evaluation/labels/predictions.ts";
import { labelScorer, type Scores } from "../evaluation/labels/score.ts";
import { singleLabel } from "../evaluation/labels/single-label.ts";
import { defaultSoftDistance } from "../evaluation/labels/table.ts";
import { type Intervals, intervalsOf } from "../evaluation/statistics/intervals.ts";
import { type CaseGroups, caseGroups, scoresOfForms, withoutValue } from "../evaluation/statistics/packed.ts";
import { metricsWith } from "../pipeline/steps/task.ts";
import type { Metric, ScoredCases } from "../plugins/metrics/metric.ts";
import { type MetricProcess, metricLanguages, type OwnMetric } from "../plugins/metrics/own-metric.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import { metricOpener } from "../project/own-metrics.ts";
import { placeOf } from "../project/place.ts";
import { casesText } from "../reporting/report/comparison-tables.ts";
import { confusionTable } from "../reporting/report/confusion-table.ts";
import { recordScoring } from "../runs/ledger.ts";
import { pairedText } from "../terminal/paired.ts";
import { table } from "../terminal/table.ts";
import { fitted } from "../terminal/wrap.ts";
import { sha256 } from "../util/canonical.ts";
import { type Context, exit } from "../util/context.ts";
import { missing } from "../util/format.ts";
import { pathKind } from "../util/regular-file.ts";
import { suggestion } from "../util/suggest.ts";
import { UserError } from "../util/user-error.ts";
import { choice, decimal, defineCommand, flag, integer, list, oneOrMore, value } from "./command.ts";
import { json } from "./common-options.ts";
import { readCases, readLabelFile } from "./score-cases.ts";
import { labelTaskOf, refuseSchema, textsOf } from "./score-task.ts";

export const command = defineCommand({
  arguments: {
    files: oneOrMore(
      "file",
      'Lines of {"id", "gold": [...], "pred": [...]}, or a .csv, .tsv or .xlsx file. With --paired, two files.',
    ),
  },
  options: {
    json,
    task: choice("name", "Score by the metrics of this task.", () => tasks.names(), {
      default: "a label task, by the numbers of labels in gold",
    }),
    id: value("column", "Read the name of a case from this key or column.", { default: "id" }),
    gold: value("column|file", "Read the targets from this key or column, or from this file.", { default: "gold" }),
    goldColumn: value("column", "Read the targets from this column of the file of --gold.", { default: "gold" }),
    goldId: value("column", "Read the name of a case from this column of the file of --gold.", { default: "--id" }),
    pred: value("column", "Read the predictions from this key or column.", {
      default: "pred; in the lines of a run, the key of its predictions",
    }),
    separator: value("text", "Split labels in one text at this separator.", { default: "a comma in tables" }),
    group: value(
      "column",
      "Read the group of a case (patient, site or document) from this key or column: intervals and tests resample groups.",
      { default: "the key group of JSON Lines" },
    ),
    synonyms: value("file", "Use this synonym file for the canonical view."),
    groups: value("file", "Compute group_f1 and hierarchical_f1 by this groups file."),
    softDistance: decimal("share", "Largest edit distance that soft_f1 credits, as a share of the longer label.", {
      min: 0,
      max: 0.5,
      default: String(defaultSoftDistance),
    }),
    schema: value("file", "Read the JSON Schema of targets and predictions from this file, for a task with one."),
    tolerance: decimal("number", "Count numbers of JSON objects as equal up to this difference.", {
      min: 0,
      max: Number.MAX_VALUE,
      default: "0",
    }),
    paired: flag("Compare two files on the same cases: differences with intervals, and tests."),
    view: choice("view", "With --paired: compare predictions in this view.", () => views, {
      default: "the task's primary view",
    }),
    metric: list("name", "With --paired: compare this metric.", { default: "the default metrics of the task" }),
    metricFile: list("file", "Compute the metric of this Python or JavaScript file too. Its name is that of the file."),
    bootstrap: integer(
      "resamples",
      "Number of bootstrap resamples for 95 % intervals. With --paired, the default is 10,000.",
      {
        min: 100,
        max: 1_000_000,
      },
    ),
    seed: integer("number", "Seed of the resamples.", { min: 0, max: 2 ** 32 - 1, default: 1 }),
  },
  async run(
    { files, paired, bootstrap: resamples, seed, json, view: chosen, metric: names, task: named, metricFile, ...given },
    context,
  ) {
    const task = named === undefined ? undefined : tasks.get(named);
    const texts = task === undefined || task.labels !== undefined ? undefined : await textsOf(task, given, context);
    // The ledger identifies cases by gold as a run has it.
    const look = (cases: readonly FileCase[]) =>
      recordLook(
        texts !== undefined ? cases.map(({ gold, ...one }) => ({ ...one, gold: texts.targetOf(gold) })) : cases,
        context,
      );
    if (task === undefined || task.labels !== undefined) refuseSchema(given, task?.name ?? "of labels");
    if (given.separator === "") {
      throw new UserError("bad-option", "--separator takes the text between labels, not an empty one", {
        status: "invalid",
      });
    }
    const synonyms = given.synonyms === undefined ? undefined : readLabelFile(given.synonyms, parseSynonyms, context);
    const groups = given.groups === undefined ? undefined : readLabelFile(given.groups, parseGroups, context);
    const scoring = {
      credit: {
        groupsOf: groups && groupsOfLabels(groups, synonyms).groupsOf,
        softDistance: given.softDistance ?? defaultSoftDistance,
      },
    };
    const [file, other, ...more] = files;
    const own = ownOf(metricFile, context);
    const started: MetricProcess[] = [];
    const open = metricOpener(undefined, context, { trust: false });
    const metricsFor = ({ name }: Pick<Task, "name">) =>
      metricsWith(name, own, [], (metric) => ({
        file: metric.file,
        open() {
          const process = open(metric);
          started.push(process);
          return process;
        },
      }));
    try {
      if (paired) {
        if (other === undefined || more.length > 0) throw wrongFiles("--paired compares two files");
        const a = await readCases(file, given, task, context);
        const b = await readCases(other, given, task, context);
        const { views: known, defaults, name } = task ?? labelTaskOf(a);
        const metrics = metricsFor({ name });
        const view = chosen ?? defaults.primary.view;
        if (!known.includes(view)) throw badView(view, known);
        const compared = await comparePaired(
          [
            { path: file, cases: a },
            { path: other, cases: b },
          ],
          {
            ...{ view, synonyms, scoring, metrics: namedMetrics(names, { metrics, defaults }, own) },
            scorer: texts && ((cases) => texts.scorer(cases)(view)),
            bootstrap: { resamples: resamples ?? 10_000, seed },
          },
        );
        const evaluations = look(a) === undefined ? undefined : look(b);
        context.out(
          json
            ? `${JSON.stringify({ ...compared, ...withCount(evaluations) }, null, 1)}\n`
            : `${pairedText(compared, context)}${countText(evaluations)}`,
        );
        return exit.done;
      }
      if (other !== undefined) throw wrongFiles("several files need --paired");
      if (chosen !== undefined || names.length > 0) {
        throw new UserError("bad-option", "--view and --metric are options of --paired", {
          help: "without --paired, all metrics are computed in all views",
          status: "invalid",
        });
      }
      const cases = await readCases(file, given, task, context);
      const { name, labels, views } = task ?? labelTaskOf(cases);
      const metrics = metricsFor({ name });
      const labelCases = cases.map(({ gold, pred, parsed }) => ({ target: gold, prediction: pred, parsed }));
      const scorer = texts?.scorer(labelCases) ?? labelScorer(labelCases, synonyms, scoring);
      const groupsOfCases = caseGroups(cases.map(({ group }) => group));
      const scored = await scoreViews(scorer, { metrics: [...metrics], views, groups: groupsOfCases, resamples, seed });
      const confusion = (view: View) => singleLabel(labelCases, viewOf(view, synonyms));
      const isSingle = labels?.isSingle === true;
      const evaluations = look(cases);
      if (json) {
        const content = {
          n: cases.length,
          ...(groupsOfCases === undefined ? {} : { case_groups: groupsOfCases.count }),
          ...scored,
          ...(isSingle ? { classes: Object.fromEntries(views.map((view) => [view, confusion(view)])) } : {}),
          ...withCount(evaluations),
        };
        context.out(`${JSON.stringify(content, null, 1)}\n`);
        return exit.done;
      }
      context.out(
        `${casesText(cases.length, groupsOfCases?.count)}\n${scoresText(scored, metrics.names(), views, context)}`,
      );
      if (isSingle) {
        const { head, rows, align } = confusionTable(confusion("canonical").confusion);
        context.out(`\nConfusion matrix (canonical)\n${table([head, ...rows], { align, columns: context.columns })}`);
      }
      context.out(countText(evaluations));
      return exit.done;
    } finally {
      for (const one of started) one.close();
    }
  },
});

/** Limits of a metric on the command line, where no experiment declares them. */
const ownLimits = { timeout: 60, memory: "8GB" };

/** The metrics of files. Throws UserError `bad-option`. */
function ownOf(files: readonly string[], { cwd }: Context): readonly OwnMetric[] {
  return files.map((given) => {
    const file = resolve(cwd, given);
    const name = basename(file, extname(file)).replaceAll(/\W/g, "_");
    const isKnown = metricLanguages[extname(file)] !== undefined;
    if (!isKnown || pathKind(file) !== "file") {
      throw new UserError(
        "bad-option",
        `--metric-file ${given} is ${isKnown ? "no file" : "not the file of a metric"}`,
        {
          help: `name a file that ends in ${Object.keys(metricLanguages).join(", ")}`,
          status: "invalid",
        },
      );
    }
    return { name, file, higher_is_better: true, ...ownLimits };
  });
}

type Scored = {
  readonly views: Readonly<Record<View, Scores>>;
  /** Why a metric has no value. */
  readonly absent: Readonly<Record<string, string>>;
  readonly intervals?: Readonly<Record<View, Intervals>>;
};

/** Values of metrics in views; with `resamples`, intervals too. */
async function scoreViews(
  scorer: (view: View) => ScoredCases,
  {
    metrics,
    views,
    resamples,
    ...drawing
  }: {
    readonly metrics: readonly Metric[];
    readonly views: readonly View[];
    readonly resamples: number | undefined;
    readonly groups: CaseGroups | undefined;
    readonly seed: number;
  },
): Promise<Scored> {
  const forms = views.map((view) => scorer(view));
  const byView = <T>(all: readonly T[]): Readonly<Record<View, T>> =>
    Object.fromEntries(views.map((view, at) => [view, all[at]])) as Record<View, T>;
  const intervals =
    resamples === undefined ? undefined : byView(await intervalsOf(forms, metrics, { resamples, ...drawing }));
  return {
    views: byView(scoresOfForms(forms, metrics)),
    absent: withoutValue(forms, metrics),
    ...(intervals === undefined ? {} : { intervals }),
  };
}

/** The scores as a table, and the reasons of absent values. */
function scoresText(
  { views: scores, absent, intervals }: Scored,
  names: readonly string[],
  views: readonly View[],
  { columns }: Context,
) {
  const cell = (view: View, name: string): string => {
    const range = intervals?.[view][name];
    const ends = range?.low === undefined ? "" : ` [${range.low.toFixed(4)}, ${range.high.toFixed(4)}]`;
    return `${scores[view][name]?.toFixed(4) ?? missing}${ends}`;
  };
  const rows = names.map((name) => [name, ...views.map((view) => cell(view, name))]);
  const reasons = [
    ...Object.entries(absent).map(([name, reason]) => `${name} has no value: ${reason}\n`),
    ...Object.values(intervals ?? {}).flatMap((own) =>
      Object.entries(own).flatMap(([name, one]) =>
        one.method === "none" && !(name in absent) ? [`${name} has no interval: ${one.reason}\n`] : [],
      ),
    ),
  ];
  const scored = table([["metric", ...views], ...rows], { columns, narrow: "blocks" });
  return fitted(`${scored}${[...new Set(reasons)].join("")}`, { columns });
}

/**
 * Records in the project's ledger that the predictions were scored. Returns the number of evaluations of these cases;
 * undefined outside a project with results.
 */
function recordLook(
  cases: readonly (Omit<FileCase, "gold"> & { readonly gold: unknown })[],
  context: Context,
): number | undefined {
  const { artifacts } = placeOf(context.cwd);
  if (!existsSync(artifacts)) return undefined;
  const answers = cases.map(({ id, pred, parsed }) => JSON.stringify([id, pred, parsed ?? true])).sort();
  try {
    return recordScoring(artifacts, caseSetOf(cases), sha256(answers.join("\n")));
  } catch (error) {
    context.err(`warning: the evaluation cannot be recorded in the ledger: ${(error as Error).message}\n`);
    return undefined;
  }
}

const withCount = (evaluations: number | undefined): { readonly test_evaluations?: number } =>
  evaluations === undefined ? {} : { test_evaluations: evaluations };

const countText = (evaluations: number | undefined): string =>
  evaluations === undefined ? "" : `\nRecorded evaluations of these cases: ${evaluations}\n`;

function badView(view: View, known: readonly View[]): UserError {
  return new UserError("bad-option", `--view ${view}: the task of these cases has no such view`, {
    help: `use one of ${known.join(", ")}`,
    status: "invalid",
  });
}

/** Metrics by name, or the default metrics of the task. Throws UserError `bad-option`. */
function namedMetrics(
  names: readonly string[],
  { metrics, defaults }: Pick<Task, "metrics" | "defaults">,
  own: readonly OwnMetric[],
): readonly Metric[] {
  const unknown = names.find((name) => !metrics.has(name));
  if (unknown !== undefined) {
    throw new UserError("bad-option", `--metric ${unknown}: the task of these cases has no such metric`, {
      help: suggestion(unknown, metrics.names()),
      status: "invalid",
    });
  }
  const added = own.map(({ name }) => name);
  return [...new Set([...(names.length === 0 ? defaults.metrics : names), ...added])].map((name) => metrics.get(name));
}

function wrongFiles(message: string): UserError {
  return new UserError("bad-argument", message, { help: "exp score A B --paired", status: "invalid" });
}
