import type { RunComparison } from "../../runs/compare.ts";
import type { Change, RunDiff } from "../../runs/diff.ts";
import { gigabytes, integer, pValue, reportDuration, withInterval } from "../../util/format.ts";
import { armName, metricName } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
const left = "left" as const;
const right = "right" as const;

/** Metrics of several runs side by side, the tests between them, and what each cost. */
export function comparisonBlocks(compared: RunComparison): readonly Block[] {
  const { arms, pairs, family, n, view, primary, labels, runs, notes, test_looks } = compared;
  const names = Object.keys(Object.values(arms)[0] ?? {});
  const adjusted = new Map(family.tests.map(({ against, adjusted: p }) => [against, p]));
  return [
    heading(1, "Scores"),
    paragraph(
      `${integer(n)} cases, ${view} view, ${integer(labels)} labels in the shared space; 95 % bootstrap intervals over cases. `,
      test_looks === null ? "" : `The test file has been scored ${integer(test_looks)} times in this project.`,
    ),
    ...(notes.length === 0 ? [] : [{ type: "list" as const, items: notes.map((note) => [note]) }]),
    {
      type: "table",
      id: "scores",
      caption: "Every answerer on the same cases.",
      head: ["answerer", ...names.map(metricName)],
      align: [left, ...names.map(() => right)],
      rows: Object.entries(arms).map(([arm, metrics]) => [
        armName(arm),
        ...names.map((name) => withInterval(metrics[name])),
      ]),
    },
    {
      type: "table",
      id: "pairs",
      caption: `Differences in ${metricName(primary)}, paired and two-sided. McNemar's counts are the cases that only the first or only the second has exactly right; Holm's method corrects the tests of ${armName(family.subject)} against each other one.`,
      head: [
        "pair",
        "difference",
        "95 % interval",
        "p bootstrap",
        "p randomisation",
        "p (Holm)",
        "only one right",
        "p (McNemar)",
      ],
      align: [left, right, right, right, right, right, right, right],
      rows: pairs.map(({ a, b, metrics, exact_match }) => {
        const one = metrics[primary];
        return [
          `${armName(a)} − ${armName(b)}`,
          one === undefined ? "–" : signed(one.difference),
          one === undefined ? "–" : `[${signed(one.low)}, ${signed(one.high)}]`,
          pValue(one?.p_bootstrap ?? null),
          pValue(one?.p_randomisation ?? null),
          a === family.subject ? pValue(adjusted.get(b) ?? null) : "–",
          exact_match === null ? "–" : `${integer(exact_match.only_a)} / ${integer(exact_match.only_b)}`,
          pValue(exact_match?.p ?? null),
        ];
      }),
    },
    {
      type: "table",
      id: "cost",
      caption: "What each run took, summed over its steps whenever they were built.",
      head: ["run", "time", "peak memory", "tokens trained", "read", "generated"],
      align: [left, right, right, right, right, right],
      rows: runs.map(({ experiment, run, cost: { seconds, peak_memory, tokens } }) => [
        `${experiment}/${run}`,
        reportDuration(seconds),
        gigabytes(peak_memory),
        ...[tokens.trained, tokens.prompted, tokens.generated].map(integer),
      ]),
    },
  ];
}

/** More files than this are counted and not listed: `exp diff --json` has all of them. */
const listed = 40;

/** What differs between two runs, by where it comes from, and how many cases flipped. */
export function diffBlocks(diff: RunDiff): readonly Block[] {
  const parts = ["config", "data", "prompt", "recipe", "environment", "hardware", "files"] as const;
  const flips = Object.entries(diff.cases).filter(([, { cases }]) => cases > 0);
  return [
    heading(1, "Differences"),
    paragraph("A is ", { code: diff.a }, ", B is ", { code: diff.b }, "."),
    ...(diff.notes.length === 0 ? [] : [{ type: "list" as const, items: diff.notes.map((note) => [note]) }]),
    ...parts.flatMap((part) => changes(part, diff[part])),
    ...(flips.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "flips",
            caption: `Cases of arms that both runs have (${diff.view} view); below, the answer “right in some arms only” shows them.`,
            head: ["arm", "cases", "wrong in A, right in B", "right in A, wrong in B", "wrong in another way"],
            align: [left, right, right, right, right],
            rows: flips.map(([arm, { cases, fixed, broken, changed }]) => [
              armName(arm),
              ...[cases, fixed.length, broken.length, changed.length].map(integer),
            ]),
          },
        ]),
  ];
}

function changes(part: string, all: readonly Change[]): readonly Block[] {
  if (all.length === 0) return [];
  const more = all.length > listed ? ` (the first ${listed} of ${all.length})` : "";
  return [
    {
      type: "table",
      id: `diff-${part}`,
      caption: `What differs in ${part}${more}.`,
      head: [part, "A", "B"],
      align: [left, left, left],
      rows: all.slice(0, listed).map(({ name, a, b }) => [name, said(a), said(b)]),
    },
  ];
}

function said(value: Change["a"]): string {
  const text = value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
