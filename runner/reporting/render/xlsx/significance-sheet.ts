import type { Comparison } from "../../../evaluation/statistics/comparison.ts";
import { plannedTests } from "../../../evaluation/statistics/family.ts";
import {
  addTable,
  boundColumns,
  type Column,
  font,
  restyle,
  type Sheets,
  score,
  whole,
  withoutEmpty,
} from "./sheet.ts";

const signed = "+0.000;-0.000;0.000";
const probability = "0.0000";

/** Writes one row per pair of arms and metric, the planned tests first; then the differences of gains. */
export function writeSignificance(
  sheets: Sheets,
  { view, primary, pairs, family, interactions = [] }: Comparison,
): void {
  const columns: readonly Column[] = [
    { header: "Arm A", width: 26 },
    { header: "Arm B", width: 26 },
    { header: "Metric", width: 20 },
    { header: "View", width: 11 },
    { header: "A − B", width: 10, numFmt: signed },
    ...boundColumns(signed),
    { header: "p (Holm)", width: 11, numFmt: probability },
    { header: "p, planned test", width: 16, numFmt: probability },
    { header: "Planned test", width: 28, indent: 1 },
    { header: "p, randomisation", width: 17, numFmt: probability },
    { header: "p, bootstrap", width: 13, numFmt: probability },
    { header: "p, t test", width: 11, numFmt: probability },
    { header: "Detectable difference", width: 21, numFmt: score },
    { header: "Only A exact", width: 13, numFmt: whole },
    { header: "Only B exact", width: 13, numFmt: whole },
    { header: "p, exact match", width: 15, numFmt: probability },
  ];
  const tests = plannedTests(family);
  const plannedOf = (a: string, b: string, metric: string) =>
    metric !== family.metric
      ? undefined
      : tests.find((test) => (test.a === a && test.b === b) || (test.a === b && test.b === a));
  const rows = pairs.flatMap(({ a, b, metrics, exact_match }) =>
    Object.entries(metrics).map(([metric, difference]) => ({
      ...{ a, b, metric, difference, exact_match },
      planned: plannedOf(a, b, metric),
    })),
  );
  const rank = ({ planned, metric }: (typeof rows)[number]): number =>
    planned !== undefined ? 0 : metric === primary ? 1 : 2;
  rows.sort((one, other) => rank(one) - rank(other));
  const tested = rows.map(({ a, b, metric, difference, exact_match, planned }) => {
    const { low, high, p_randomisation, p_bootstrap, p_student, detectable } = difference;
    const exact = metric === primary ? exact_match : null;
    return [
      ...[a, b, metric, view, difference.difference, low, high],
      ...[planned?.adjusted, planned?.p, planned?.test],
      ...[p_randomisation, p_bootstrap, p_student, detectable].map((value) => value ?? undefined),
      ...[exact?.only_a, exact?.only_b, exact?.p],
    ];
  });
  const gains = interactions.map(({ a, b, difference, low, high, detectable }) => [
    ...[`(${a.to} − ${a.from})`, `(${b.to} − ${b.from})`, family.metric, view, difference, low, high],
    ...[undefined, undefined, "interaction, not tested"],
    ...[undefined, undefined, undefined, detectable ?? undefined],
    ...[undefined, undefined, undefined],
  ]);
  const filled = withoutEmpty(columns, [...tested, ...gains]);
  const table = addTable(sheets, "Significance", filled.columns, 2);
  const holm = filled.columns.findIndex(({ header }) => header === "p (Holm)");
  for (const [at, values] of filled.rows.entries()) {
    const row = table.add(values);
    if (rows[at]?.planned !== undefined && holm >= 0) restyle(row.getCell(holm + 1), { font: { ...font, bold: true } });
    row.commit();
  }
  table.sheet.commit();
}
