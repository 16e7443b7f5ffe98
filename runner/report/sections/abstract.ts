import type { Span } from "../block.ts";
import { replayedArms, trainedHere } from "../replayed.ts";
import type { RunFacts, Study } from "../study.ts";
import { armWord, duration, metricWord, pValue, runWord, score, subject, whole, withInterval } from "../words.ts";

/** What was done and what came out, every number with its interval. It says first where training did not pay. */
export function abstract({ runs }: Study): readonly (readonly Span[])[] {
  return [...runs.slice(0, mostRuns).map(one), ...(runs.length > mostRuns ? [rest(runs)] : [])];
}

/** Runs that get a paragraph of their own; a sweep has its table. */
const mostRuns = 3;

function one(run: RunFacts): readonly Span[] {
  const { metric, view } = run.config.evaluate.primary;
  const own = run.comparison?.arms[subject(run)]?.[metric];
  const said =
    own === undefined
      ? score(run.arms.find(({ name }) => name === subject(run))?.views[view]?.[metric])
      : withInterval(own);
  return [
    { strong: `${runWord(run)}. ` },
    ...verdict(run),
    `${modelWords(run)} ${metricWord(metric)} ${said} on ${whole(run.comparison?.n ?? 0)} cases (${view} view; 95 % bootstrap interval over cases). `,
    ...others(run),
  ];
}

/** What answered, up to its verb. */
function modelWords(run: RunFacts): string {
  const base = run.model?.base ?? run.config.model.base;
  const declared = run.config.train === undefined ? "without any training" : `fine-tuned by ${methodWord(run)}`;
  if (replayedArms(run).some(({ arm }) => arm === subject(run)))
    return `Replayed answers in place of ${base}, ${declared}, reach`;
  return `${base}, ${declared}${trainedHere(run) ? ` in ${duration(run.steps.train?.seconds ?? 0)}` : ""}, reaches`;
}

/** The first sentence where a rival is as good: a reader must not have to look for it. */
export function verdict(run: RunFacts): readonly Span[] {
  const { metric } = run.config.evaluate.primary;
  const { comparison } = run;
  if (comparison === undefined || run.config.train === undefined) return [];
  const value = (arm: string): number => comparison.arms[arm]?.[metric]?.value ?? 0;
  // An ensemble has the model itself within: it is no rival.
  const rivals = comparison.family.tests.filter(({ against }) => !against.includes(".") && against !== "ensemble");
  const unbeaten = rivals.filter(({ against, adjusted }) => !(value("tuned") > value(against) && adjusted < 0.05));
  if (unbeaten.length === 0) return [];
  const names = unbeaten.map(({ against }) => armWord(against)).join(" and ");
  return [{ strong: `The fine-tuned model does not beat ${names} beyond chance. ` }];
}

function others({ comparison, config }: RunFacts): readonly Span[] {
  if (comparison === undefined) return [];
  const { metric } = config.evaluate.primary;
  return [
    "On the same cases: ",
    comparison.family.tests
      .map(({ against, adjusted }) => {
        const measured = comparison.arms[against]?.[metric];
        return `${armWord(against)} ${withInterval(measured)} (p ${pValueOf(adjusted)})`;
      })
      .join("; "),
    ". p-values are corrected by Holm's method over this family.",
  ];
}

const pValueOf = (p: number): string => (p < 0.001 ? pValue(p) : `= ${pValue(p)}`);

/** The method as people call it, with its rank. */
export function methodWord({ config }: RunFacts): string {
  const { train } = config;
  const names: Readonly<Record<string, string>> = {
    lora: "LoRA",
    dora: "DoRA",
    qlora: "QLoRA",
    qdora: "QDoRA",
    full: "full fine-tuning",
  };
  const name = names[train?.method ?? ""] ?? "";
  return train === undefined || train.method === "full" ? name : `${name} of rank ${train.rank}`;
}

function rest(runs: readonly RunFacts[]): readonly Span[] {
  return [`${whole(runs.length - mostRuns)} more runs stand in `, { ref: "results" }, "."];
}
