import {
  comparisonScope,
  comparisonTables,
  differencesNote,
  nonInferiorityTexts,
  testEvaluationsText,
} from "../reporting/report/comparison-tables.ts";
import { comparedNaming } from "../reporting/report/display-names.ts";
import { intervalMethods } from "../reporting/report/interval-methods.ts";
import type { RunComparison } from "../runs/compare.ts";
import type { MaybeBounds } from "../util/bounds.ts";
import { integer, pEquals, plural, signedInterval } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";
import { fitted } from "./wrap.ts";

/** One planned test as a line: "LoRA − zero-shot: micro_f1 (canonical) +0.310 [+0.250, +0.370], p < 0.001". */
export function differenceText(
  [a, b]: readonly [a: string, b: string],
  { metric, view, tests }: { readonly metric: string; readonly view: string; readonly tests: number },
  difference: (MaybeBounds & { readonly difference: number }) | undefined,
  adjusted: number,
): string {
  if (difference === undefined) return "";
  const corrected = tests > 1 ? ` (Holm, ${plural(tests, "test")})` : "";
  return `${a} − ${b}: ${metric} (${view}) ${signedInterval(difference)}, ${pEquals(adjusted)}${corrected}\n`;
}

/** A comparison of runs: scores, paired tests, cost, definitions and notes. */
export function comparisonText(
  compared: RunComparison,
  screen: { readonly color: boolean; readonly columns?: number },
  definitions: Readonly<Record<string, string>>,
): string {
  const { bold, dim } = styles(screen.color);
  const own = { ...screen, narrow: "blocks" } as const;
  const { arms, pairs, primary, bootstrap, notes, test_evaluations } = compared;
  const keys = { arm: comparedNaming(compared), metric: (metric: string) => metric };
  const { scores, differences, cost } = comparisonTables(compared, keys);
  const metrics = Object.keys(Object.values(arms)[0] ?? {});
  const { methods, absent } = intervalMethods(compared, keys);
  const text = [
    bold(comparisonScope(compared)),
    table([scores.head, ...scores.rows], own),
    ...(pairs.length === 0
      ? []
      : [bold(`Differences in ${primary}`), table([differences.head, ...differences.rows], own)]),
    ...(compared.non_inferiority === undefined
      ? []
      : [
          bold(`Non-inferiority to ${keys.arm(compared.non_inferiority.reference)}`),
          nonInferiorityTexts(compared.non_inferiority, keys)
            .map((line) => `${line}\n`)
            .join(""),
        ]),
    bold("Cost"),
    table([cost.head, ...cost.rows], own),
    [
      ...metrics.map((name) => `${name}: ${definitions[name] ?? ""}`),
      `Confidence intervals: ${methods.map(({ text }) => text).join("; ")}. Resamples: ${integer(bootstrap.resamples)}, seed ${bootstrap.seed}.`,
      ...absent.map((text) => `${text}.`),
      ...(pairs.length === 0 ? [] : [differencesNote(compared, keys)]),
      ...(test_evaluations === null ? [] : [testEvaluationsText(test_evaluations)]),
      ...notes.map((note) => `Note: ${note}`),
    ]
      .map((line) => `${dim(line)}\n`)
      .join(""),
  ].join("\n");
  return fitted(text, screen);
}
