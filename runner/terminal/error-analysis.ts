import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import { errorsIn } from "../evaluation/error-analysis/cause-counts.ts";
import { findings } from "../reporting/report/causes.ts";
import type { Naming } from "../reporting/report/comparison-tables.ts";
import { coverageTable } from "../reporting/report/coverage-table.ts";
import { subgroupNote, subgroupTable } from "../reporting/report/subgroup-table.ts";
import { percent, plural, score } from "../util/format.ts";
import { table } from "./table.ts";

type Screen = { readonly color: boolean; readonly columns?: number };

/**
 * The error analysis of all arms: erroneous cases by category, and comparisons between arms. `armName` gives the
 * display name of an arm.
 */
export function errorAnalysisText(analysis: Analysis, primary: string, screen: Screen, armName: Naming["arm"]): string {
  const arms = Object.entries(analysis.arms);
  const [, first] = arms[0] ?? [];
  if (first === undefined) return "";
  const counts = first.categories
    .map(({ name }, at) => [name, ...arms.map(([, { categories }]) => String(categories[at]?.cases ?? 0))])
    .filter(([, ...cells]) => cells.some((cell) => cell !== "0"));
  const rows = [
    ["error category", ...arms.map(([name]) => armName(name))],
    ["erroneous cases", ...arms.map(([, { wrong, cases }]) => `${wrong} of ${cases}`)],
    ...counts,
  ];
  const align = ["left" as const, ...arms.map(() => "right" as const)];
  const remarks = arms.flatMap(([name, { against, agreement }]) => [
    ...against.map(
      ({ arm, fixed, broken, both_wrong }) =>
        `${armName(name)} compared with ${armName(arm)}: ${fixed} fixed, ${broken} broken, ${both_wrong} wrong in both`,
    ),
    ...(agreement === null
      ? []
      : [
          `${armName(name)} and ${armName(agreement.baseline)} agree: ${exactShare(agreement.agree)}; they differ: ${exactShare(agreement.differ)}`,
        ]),
  ]);
  return `${table(rows, { align, ...screen })}${remarks.map((remark) => `${remark}\n`).join("")}${causeText(analysis, primary, screen, armName)}${subgroupText(analysis, screen, armName)}${coverageText(analysis, screen, armName)}`;
}

/** The causes of the errors of all arms, and findings on the primary arm; empty without rules for causes. */
function causeText(analysis: Analysis, primary: string, screen: Screen, armName: Naming["arm"]): string {
  const arms = Object.entries(analysis.arms).flatMap(([name, { causes }]) => (causes ? [{ name, causes }] : []));
  const [first] = arms;
  if (first === undefined) return "";
  const count = (errors: Parameters<typeof errorsIn>[0]) => String(errorsIn(errors));
  const unit = first.causes.unit ?? "label";
  const rows = [
    [`cause of a wrong ${unit}`, ...arms.map(({ name }) => armName(name))],
    [`wrong ${unit}s`, ...arms.map(({ causes }) => count(causes))],
    ...first.causes.counts
      .map(({ name }, at) => [
        name,
        ...arms.map(({ causes }) => (causes.counts[at] === undefined ? "0" : count(causes.counts[at]))),
      ])
      .filter(([, ...cells]) => cells.some((cell) => cell !== "0")),
  ];
  const align = ["left" as const, ...arms.map(() => "right" as const)];
  const found = findings(analysis, primary, armName);
  return `\n${table(rows, { align, ...screen })}${found.map((text) => `${text}\n`).join("")}`;
}

function exactShare({ exact_match, cases }: { readonly exact_match: number; readonly cases: number }): string {
  return cases === 0 ? "no cases" : `${percent(exact_match, 0)} of ${plural(cases, "case")} exactly right`;
}

/** The scores of all arms on subgroups; empty without subgroups. */
function subgroupText({ subgroups, view, arms }: Analysis, screen: Screen, armName: Naming["arm"]): string {
  if (subgroups === undefined) return "";
  const { head, rows, align } = subgroupTable(subgroups, Object.keys(arms), {
    arm: armName,
    metric: (metric) => metric,
  });
  return `\nSubgroups: ${subgroups.metric} (${view})\n${table([head, ...rows], { align, ...screen })}${subgroupNote(subgroups)}\n`;
}

/** The risk of each arm with confidences, if it answers only above a confidence. */
function coverageText({ arms }: Analysis, screen: Screen, armName: Naming["arm"]): string {
  return Object.entries(arms)
    .flatMap(([name, { calibration }]) => {
      if (calibration === null) return [];
      const { coverage_risk } = calibration.per_token;
      const { head, rows, align } = coverageTable(coverage_risk);
      return [
        `\n${armName(name)}: wrong answers above a confidence (${calibration.of === "labels" ? "label scores" : "geometric mean per token"}), area ${score(coverage_risk.area)} of ${score(1 - calibration.accuracy)}\n${table([head, ...rows], { align, ...screen })}`,
      ];
    })
    .join("");
}
