import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Audit, audit, blocking, type SplitFacts, type SplitName } from "../data/audit.ts";
import type { Synonyms } from "../data/labels/views.ts";
import { viewOf } from "../data/labels/views.ts";
import { labelCounts } from "../data/labels.ts";
import { proposalYaml, suggestSynonyms } from "../data/suggest-synonyms.ts";
import { type DataParams, draftData, readStudy, type Study } from "../pipeline/steps/data.ts";
import { readSynonyms } from "../pipeline/steps/synonyms.ts";
import { loadAll } from "../project/load.ts";
import { openProject } from "../project/project.ts";
import { tokenLengths } from "../project/token-lengths.ts";
import { auditText } from "../terminal/audit.ts";
import { canonicalJson } from "../util/canonical.ts";
import { type Act, type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";

/** One study's rows, and how its experiment reads their labels. */
type Audited = {
  readonly experiment: string;
  readonly coordinates: string;
  readonly study: Study;
  readonly synonyms: Synonyms | undefined;
  readonly report: Audit;
};

/** `exp data FILE`: what the data step's audit finds, without running anything. `--suggest-synonyms` proposes a synonym file. */
export const command: Act = async ([path], options, context) => {
  const loaded = loadAll([path as string], options, context)?.[0];
  if (loaded === undefined) return exit.invalid;
  const { site, store } = await openProject(loaded.root, context, "read");
  store.close();
  const all: Audited[] = [];
  const seen = new Set<string>();
  try {
    for (const { experiment, coordinates } of loaded.points) {
      const { params, sources } = draftData(experiment, site);
      const same = canonicalJson({ params, sources });
      if (seen.has(same)) continue;
      seen.add(same);
      const study = await readStudy(params as unknown as DataParams, (name) => sources[name] as string);
      const map = sources["data.labels.synonyms"];
      const synonyms = map === undefined ? undefined : readSynonyms(map);
      const { labels, accept } = experiment.data;
      const options = { accept, separator: labels.separator, task: experiment.task, recoded: study.recoded, synonyms };
      const report = audit(study.splits, options);
      const { base, revision } = experiment.model;
      const tokens = await tokenLengths(study, site.model(base, revision).dir, context);
      all.push({ experiment: loaded.name, coordinates, study, synonyms, report: withTokens(report, tokens) });
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.err(`${error.message}\n`);
    return exit.invalid;
  }
  const [first] = all as [Audited];
  const proposal = options.suggestSynonyms;
  if (
    proposal !== undefined &&
    !writeProposal(first, proposal === true ? "synonyms.proposed.yaml" : String(proposal), context)
  )
    return exit.invalid;
  if (options.json === true) {
    const shown = all.map(({ experiment, coordinates, report }) => ({ experiment, coordinates, ...report }));
    context.out(`${JSON.stringify(shown, null, 1)}\n`);
  } else if (proposal === undefined) {
    for (const { experiment, coordinates, report } of all)
      context.out(`${all.length > 1 ? `${experiment} ${coordinates}\n` : ""}${auditText(report, context)}`);
  }
  return proposal === undefined && all.some(({ report }) => blocking(report).length > 0) ? exit.refused : exit.done;
};

function withTokens(report: Audit, tokens: Awaited<ReturnType<typeof tokenLengths>>): Audit {
  if (tokens === undefined) return report;
  const parts = Object.entries(report.splits) as [SplitName, SplitFacts][];
  return {
    ...report,
    splits: Object.fromEntries(parts.map(([name, facts]) => [name, { ...facts, tokens: tokens[name] }])),
  };
}

/** Writes proposals to a new file; an old one is somebody's work. */
function writeProposal({ experiment, study, synonyms }: Audited, name: string, context: Context): boolean {
  const file = resolve(context.cwd, name);
  if (existsSync(file)) {
    context.err(`exp data: ${name} is already there; name another file: --suggest-synonyms FILE\n`);
    return false;
  }
  const counts = labelCounts(study.splits.train, viewOf("raw"));
  const proposals = suggestSynonyms(counts, synonyms);
  writeFileSync(file, proposalYaml(proposals, { name: experiment, labels: counts.length }));
  const variants = proposals.reduce((sum, one) => sum + one.variants.length, 0);
  context.err(
    `${name}: ${variants} proposals for ${proposals.length} labels, from training labels only; nothing reads it until you say so\n`,
  );
  return true;
}
