import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import { table } from "./table.ts";

/** How each arm is wrong, on one screen: cases by category, and how the arms stand to each other. */
export function failuresText(analysis: Analysis, screen: { readonly color: boolean }): string {
  const arms = Object.entries(analysis.arms);
  const [, first] = arms[0] ?? [];
  if (first === undefined) return "";
  const counts = first.categories
    .map(({ name }, at) => [name, ...arms.map(([, { categories }]) => String(categories[at]?.cases ?? 0))])
    .filter(([, ...cells]) => cells.some((cell) => cell !== "0"));
  const rows = [
    ["wrong cases by category", ...arms.map(([name]) => name)],
    ["wrong, of all", ...arms.map(([, { wrong, cases }]) => `${wrong} of ${cases}`)],
    ...counts,
  ];
  const align = ["left" as const, ...arms.map(() => "right" as const)];
  const remarks = arms.flatMap(([name, { against, agreement }]) => [
    ...against.map(
      ({ arm, fixed, broken, both_wrong }) =>
        `${name} against ${arm}: ${fixed} fixed, ${broken} broken, ${both_wrong} wrong in both`,
    ),
    ...(agreement === null
      ? []
      : [
          `${name} is exactly right in ${percent(agreement.agree)} where ${agreement.baseline} agrees and in ${percent(agreement.differ)} elsewhere`,
        ]),
  ]);
  return `${table(rows, { align, color: screen.color })}${remarks.map((remark) => `${remark}\n`).join("")}`;
}

function percent({ exact_match, cases }: { readonly exact_match: number; readonly cases: number }): string {
  return cases === 0 ? "none" : `${(100 * exact_match).toFixed(0)} % of ${cases} cases`;
}
