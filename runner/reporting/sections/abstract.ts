import { replayedArms, trainedHere } from "../../runs/replayed-arms.ts";
import { differenceOf, signedInterval } from "../report/arm-differences.ts";
import {
  armWord,
  metricWord,
  pValue,
  score,
  subject,
  trainingTime,
  whole,
  withInterval,
} from "../report/display-names.ts";
import type { Span } from "../report/document.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** What was done and what came out, every number with its interval. It says first where training did not pay. */
export function abstract({ runs }: Study): readonly (readonly Span[])[] {
  const told = resultRuns(runs);
  return [
    ...told.slice(0, mostRuns).map((run) => one(run, told.length > 1 || run.coordinates !== "")),
    ...(told.length > mostRuns ? [rest(told)] : []),
  ];
}

/** Runs that get a paragraph of their own; a sweep has its table. */
const mostRuns = 3;

function one(run: RunFacts, isNamed: boolean): readonly Span[] {
  const { primary, split } = run.config.evaluate;
  const { metric, view } = primary;
  const own = run.comparison?.arms[subject(run)]?.[metric];
  const said =
    own === undefined
      ? score(run.arms.find(({ name }) => name === subject(run))?.views[view]?.[metric])
      : withInterval(own);
  const cases = run.comparison?.n ?? run.audit?.splits[split]?.rows;
  const how = own === undefined ? `${view} view` : `${view} view; 95 % bootstrap intervals over cases`;
  return [
    ...(isNamed ? [{ strong: `${run.name}. ` }] : []),
    ...verdict(run),
    ...chosen(run),
    `${modelWords(run)} ${metricWord(metric)} ${said}${cases === undefined ? "" : ` on ${whole(cases)} ${split} cases`} (${how}). `,
    ...gain(run),
    ...others(run),
  ];
}

/** How a sweep came to this setting. */
function chosen({ ablation }: RunFacts): readonly Span[] {
  if (ablation?.chosen === undefined) return [];
  return [`It is the best of ${whole(ablation.settings.length)} settings on ${ablation.rows} rows. `];
}

/** What answered, up to its verb. */
function modelWords(run: RunFacts): string {
  const base = run.model?.base ?? run.config.model.base;
  const rows = run.audit?.splits.train?.rows;
  const declared =
    run.config.train === undefined
      ? "without any training"
      : `fine-tuned by ${methodWord(run)}${rows === undefined ? "" : ` on ${whole(rows)} rows`}`;
  if (replayedArms(run).some(({ arm }) => arm === subject(run)))
    return `Replayed answers in place of ${base}, ${declared}, reach`;
  return `${base}, ${declared}${trainedHere(run) ? ` in ${trainingTime(run.steps.train)}` : ""}, reaches`;
}

/** What training changed, against the same model untrained. */
function gain({ comparison }: RunFacts): readonly Span[] {
  if (comparison?.family.subject !== "tuned") return [];
  const { metric, tests } = comparison.family;
  const untrained = comparison.arms.zero_shot?.[metric];
  const found = differenceOf(comparison, "tuned", "zero_shot", metric);
  const adjusted = tests.find(({ against }) => against === "zero_shot")?.adjusted;
  if (untrained === undefined || found === undefined || adjusted === undefined) return [];
  return [
    `Untrained, with a prompt of its own, it is ${withInterval(untrained)}: fine-tuning changes it by `,
    { strong: signedInterval(found) },
    ` (p ${pValueOf(adjusted)}). `,
  ];
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

function others({ comparison, config, compared }: RunFacts): readonly Span[] {
  if (comparison === undefined) return [];
  const { metric, subject: own, tests } = comparison.family;
  const rivals = tests.filter(({ against }) => !(own === "tuned" && against === "zero_shot"));
  // A compared experiment's arm is known by its model, where that is another one.
  const named = (arm: string): string => {
    const base = compared[arm.slice(0, arm.lastIndexOf("."))]?.model.base;
    return base === undefined || base === config.model.base ? armWord(arm) : `${armWord(arm)} (${base})`;
  };
  return [
    ...(rivals.length === 0
      ? []
      : [
          "On the same cases: ",
          rivals
            .map(
              ({ against, adjusted }) =>
                `${named(against)} ${withInterval(comparison.arms[against]?.[metric])} (p ${pValueOf(adjusted)})`,
            )
            .join("; "),
          ". ",
        ]),
    ...(tests.length > 1 ? ["p-values are corrected by Holm's method over this family."] : []),
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
