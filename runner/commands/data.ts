import { existsSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type Audit, blocking, type SplitFacts, type SplitName } from "../data/audit.ts";
import { mergeSynonyms } from "../data/labels/merge-synonyms.ts";
import { viewOf } from "../data/labels/views.ts";
import { labelCounts } from "../data/labels.ts";
import type { Row } from "../data/rows.ts";
import { type NearSynonyms, proposalYaml, suggestSynonyms } from "../data/suggest-synonyms.ts";
import { type CandidateRow, draftCandidates } from "../pipeline/steps/candidates.ts";
import { auditStudy, type DataRow, draftData, prepareTraining, type Study } from "../pipeline/steps/data.ts";
import { draftFetchData } from "../pipeline/steps/fetch-data.ts";
import { readJsonLines } from "../pipeline/steps/jsonl.ts";
import { suspicionsOf } from "../pipeline/steps/suspects.ts";
import { openTaskWith, parsingParams, scoringFiles, taskOf } from "../pipeline/steps/task.ts";
import { classifiers } from "../plugins/classical-baselines.ts";
import type { Draft } from "../plugins/step.ts";
import type { OpenTask, Task } from "../plugins/tasks/task.ts";
import { loadAll } from "../project/load.ts";
import { openProject } from "../project/project.ts";
import { studiesOf } from "../project/studies.ts";
import { tokenLengths } from "../project/token-lengths.ts";
import { auditText } from "../terminal/audit.ts";
import { table } from "../terminal/table.ts";
import { formatDiagnostic } from "../util/code-frame.ts";
import { type Context, exit } from "../util/context.ts";
import { integer, plural } from "../util/format.ts";
import { readRegularFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { defineCommand, optionalValue, required, value } from "./command.ts";
import { json, set, trust } from "./common-options.ts";
import { runDrafts } from "./run-drafts.ts";

/** The rows of one data set, and how its experiment reads their labels. */
type Audited = {
  readonly experiment: string;
  readonly coordinates: string;
  readonly study: Study;
  readonly task: Task;
  readonly open: OpenTask;
  readonly report: Audit;
};

export const command = defineCommand({
  arguments: { file: required("file", "An experiment file.") },
  options: {
    set,
    trust,
    suggestSynonyms: optionalValue(
      "file",
      "Write proposals for a synonym file, from training labels, to edit. Default file: synonyms.proposed.yaml.",
    ),
    acceptSynonyms: value(
      "file",
      "Add the synonyms of this file to data.labels.synonyms. The file is that of --suggest-synonyms without its wrong entries.",
    ),
    suspects: optionalValue(
      "baseline",
      `List suspected label errors of the training rows, by a classifier: ${classifiers.join(" or ")}. Default: linear. With --suggest-synonyms, proposals include labels that it confuses.`,
    ),
    json,
  },
  async run({ file, set, trust, suggestSynonyms, acceptSynonyms, suspects, json }, context) {
    const [loaded] = loadAll([file], { set, trust }, context);
    if (acceptSynonyms !== undefined && loaded !== undefined) return accept(loaded, acceptSynonyms, context);
    const proposals = suggestSynonyms === true ? "synonyms.proposed.yaml" : suggestSynonyms;
    if (suspects !== undefined && loaded !== undefined)
      return listSuspects(loaded, suspects === true ? "linear" : suspects, { json, proposals }, context);
    const all = loaded === undefined ? [] : await auditPoints(loaded, context);
    const [first] = all;
    if (proposals !== undefined && first !== undefined) writeProposal(first, proposals, [], context);
    if (json) {
      const shown = all.map(({ experiment, coordinates, report }) => ({ experiment, coordinates, ...report }));
      context.out(`${JSON.stringify(shown, null, 1)}\n`);
    } else if (suggestSynonyms === undefined) {
      for (const { experiment, coordinates, report, task } of all) {
        const hasLabels = task.labels !== undefined;
        context.out(
          `${all.length > 1 ? `${experiment} ${coordinates}\n` : ""}${auditText(report, context, hasLabels)}`,
        );
      }
    }
    const isBlocked = all.some(({ report }) => blocking(report).length > 0);
    return suggestSynonyms === undefined && isBlocked ? exit.refused : exit.done;
  },
});

/** Suspected errors that the terminal shows; `--json` has all. */
const mostSuspects = 30;

/** Lists label errors that a classifier suspects in the training rows. Throws UserError. */
async function listSuspects(
  loaded: LoadedExperiment,
  classifier: string,
  { json, proposals }: { readonly json: boolean; readonly proposals: string | undefined },
  context: Context,
): Promise<number> {
  const { name, root, points } = loaded;
  const [point] = points;
  if (point === undefined) return exit.invalid;
  const { experiment, coordinates } = point;
  const task = taskOf(experiment);
  const refuse = (code: string, message: string, help: string): UserError =>
    new UserError(code, message, { help, status: "invalid" });
  if (!classifiers.includes(classifier))
    throw refuse("bad-option", `--suspects: no classifier ${classifier}`, `use ${classifiers.join(" or ")}`);
  if (task.labels === undefined)
    throw refuse("task-unsupported", `--suspects needs a task with labels, not ${task.name}`, "leave it out");
  const project = await openProject(root, context, "write");
  const candidates = draftCandidates(experiment, project.site, { from: classifier, crossFit: true }) as Draft;
  const fetched = draftFetchData(experiment, project.site);
  const drafts = [...(fetched === undefined ? [] : [fetched]), draftData(experiment, project.site), candidates];
  const fileOf = await runDrafts({ experiment: name, role: "final", coordinates, drafts }, project, context);
  if (fileOf === undefined) return exit.failed;

  const files = scoringFiles(experiment);
  const open = await openTaskWith(parsingParams(experiment), (key) => files[key]);
  const { errors, pairs, rows } = suspicionsOf(
    readJsonLines<DataRow>(fileOf("data", "train.jsonl")),
    readJsonLines<CandidateRow>(fileOf(candidates.id, "train.jsonl")),
    open,
  );
  if (proposals !== undefined) {
    const [first] = await auditPoints(loaded, context);
    if (first !== undefined) writeProposal(first, proposals, pairs, context);
  }
  if (json) {
    context.out(`${JSON.stringify({ errors, pairs }, null, 1)}\n`);
    return exit.done;
  }
  const shown = errors
    .slice(0, mostSuspects)
    .map(({ id, label, kind, score, limit }) => [id, kind, label, score.toFixed(2), limit.toFixed(2)]);
  const head = ["row", "label is", "label", "score", "limit"];
  if (shown.length > 0)
    context.out(`${table([head, ...shown], { ...context, align: ["left", "left", "left", "right", "right"] })}\n`);
  const count = (wanted: "missing" | "wrong"): number => errors.filter(({ kind }) => kind === wanted).length;
  const rest = errors.length > mostSuspects ? ` --json lists all ${integer(errors.length)}.` : "";
  context.out(
    `${plural(count("wrong"), "label")} probably wrong and ${integer(count("missing"))} probably missing in ${plural(rows, "training row")}, by ${classifier}.${rest} ` +
      "Read a row before you change it.\n",
  );
  for (const { label, other, rows: missing, shared } of pairs)
    context.out(
      `perhaps one label: ${label} / ${other}. ${integer(shared)} of ${integer(missing)} rows that score as ${label} have ${other} in its place; if so, list them in data.labels.synonyms, or use --suggest-synonyms\n`,
    );
  return exit.done;
}

/** Audits each data set of an experiment's runs once. */
async function auditPoints(loaded: LoadedExperiment, context: Context): Promise<readonly Audited[]> {
  const all: Audited[] = [];
  for await (const { site, experiment, coordinates, params, open, study } of studiesOf(loaded, context)) {
    const task = taskOf(experiment);
    const prepared = prepareTraining(study, open, params);
    const report = auditStudy(study, { task, open, prepared, accept: experiment.data.accept });
    const { base, revision } = experiment.model;
    const tokens = await tokenLengths(study, site.model(base, revision).dir, context);
    all.push({ experiment: loaded.name, coordinates, task, open, study, report: withTokens(report, tokens) });
  }
  return all;
}

function withTokens(report: Audit, tokens: Awaited<ReturnType<typeof tokenLengths>>): Audit {
  if (tokens === undefined) return report;
  const parts = Object.entries(report.splits) as [SplitName, SplitFacts][];
  return {
    ...report,
    splits: Object.fromEntries(parts.map(([name, facts]) => [name, { ...facts, tokens: tokens[name] }])),
  };
}

/** Writes proposals to a new file. Throws UserError `file-exists`: an existing file may hold edits. */
function writeProposal(
  { experiment, task, open, study }: Audited,
  name: string,
  near: readonly NearSynonyms[],
  context: Context,
): void {
  if (task.labels === undefined) {
    throw new UserError("task-unsupported", `--suggest-synonyms needs a task with labels, not ${task.name}`, {
      status: "invalid",
    });
  }
  const file = resolve(context.cwd, name);
  if (existsSync(file)) {
    throw new UserError("file-exists", `${name} exists already`, {
      help: "name another file: --suggest-synonyms FILE",
      status: "invalid",
    });
  }
  const counts = labelCounts(study.splits.train as readonly Row[], viewOf("raw"));
  const proposals = suggestSynonyms(counts, { canonical: (label) => open.parts([label], "canonical")[0] ?? "" }, near);
  writeFileSync(file, proposalYaml(proposals, { name: experiment, labels: counts.length }));
  const variants = proposals.reduce((sum, one) => sum + one.variants.length, 0);
  context.err(
    `${name}: ${variants} proposals for ${proposals.length} labels, from training labels only. ` +
      "Delete the wrong ones, then use --accept-synonyms\n",
  );
}

/** Adds accepted synonyms to the synonym file of an experiment. Throws UserError. */
function accept({ points }: LoadedExperiment, name: string, context: Context): number {
  const target = points[0]?.experiment.data.labels?.synonyms;
  if (target === undefined) {
    throw new UserError("missing-key", "--accept-synonyms needs a synonym file in data.labels.synonyms", {
      help: `write data: {labels: {synonyms: FILE}}; a study without a synonym file can use ${name} itself`,
      status: "invalid",
    });
  }
  const sourceOf = (path: string) => ({ path, text: readRegularFile(path, "label file").toString("utf8") });
  const merged = mergeSynonyms(sourceOf(target), sourceOf(resolve(context.cwd, name)));
  if (!merged.ok) {
    const { diagnostics } = merged;
    throw new UserError("synonyms", diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
      status: "invalid",
      diagnostics,
    });
  }
  const { text, added } = merged.value;
  if (added > 0) writeFileAtomic(target, text);
  context.err(`${relative(context.cwd, target)}: ${plural(added, "synonym")} added\n`);
  return exit.done;
}
