import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type Audit, blocking, type SplitFacts, type SplitName } from "../data/audit.ts";
import { viewOf } from "../data/labels/views.ts";
import { labelCounts } from "../data/labels.ts";
import type { Row } from "../data/rows.ts";
import { proposalYaml, suggestSynonyms } from "../data/suggest-synonyms.ts";
import { auditStudy, prepareTraining, type Study } from "../pipeline/steps/data.ts";
import { taskOf } from "../pipeline/steps/task.ts";
import type { OpenTask, Task } from "../plugins/tasks/task.ts";
import { loadAll } from "../project/load.ts";
import { studiesOf } from "../project/studies.ts";
import { tokenLengths } from "../project/token-lengths.ts";
import { auditText } from "../terminal/audit.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, optionalValue, required } from "./command.ts";
import { json, set, trust } from "./common-options.ts";

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
    json,
  },
  async run({ file, set, trust, suggestSynonyms, json }, context) {
    const [loaded] = loadAll([file], { set, trust }, context);
    const all = loaded === undefined ? [] : await auditPoints(loaded, context);
    const [first] = all;
    if (suggestSynonyms !== undefined && first !== undefined) {
      writeProposal(first, suggestSynonyms === true ? "synonyms.proposed.yaml" : suggestSynonyms, context);
    }
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
function writeProposal({ experiment, task, open, study }: Audited, name: string, context: Context): void {
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
  const proposals = suggestSynonyms(counts, { canonical: (label) => open.parts([label], "canonical")[0] ?? "" });
  writeFileSync(file, proposalYaml(proposals, { name: experiment, labels: counts.length }));
  const variants = proposals.reduce((sum, one) => sum + one.variants.length, 0);
  context.err(
    `${name}: ${variants} proposals for ${proposals.length} labels, from training labels only. ` +
      "To use it, name it in data.labels.synonyms\n",
  );
}
