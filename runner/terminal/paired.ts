import type { Paired } from "../evaluation/labels/paired.ts";
import { casesText, detectableNote } from "../reporting/report/comparison-tables.ts";
import { integer, plural, pValue, score, signed, signedBounds, withInterval } from "../util/format.ts";
import { table } from "./table.ts";
import { fitted } from "./wrap.ts";

/** Two prediction files on the same cases: scores, differences and tests. */
export function pairedText(
  { n, case_groups, view, files, bootstrap, metrics, absent, exact_match }: Paired,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const tested = Object.entries(metrics);
  const reasons = tested.flatMap(([name, { a, b, ...difference }]) =>
    [
      ["A", a],
      ["B", b],
      ["A − B", difference],
    ].flatMap(([what, found]) => {
      const { method, reason } = found as { readonly method: string; readonly reason?: string };
      return method === "none" ? [`${name}, ${what}: no interval: ${reason}\n`] : [];
    }),
  );
  const parts = [
    `A: ${files[0]}\nB: ${files[1]}\n${casesText(n, case_groups)}, ${view} view, 95 % intervals over cases\n`,
    table(
      [
        ["metric", "A", "B", "A − B", "95 % CI", "detectable", "p (bootstrap)", "p", "p (Holm)", "test"],
        ...tested.map(([name, { a, b, difference, p, adjusted, test, p_bootstrap, detectable, ...ends }]) => [
          ...[name, withInterval(a), withInterval(b), signed(difference), signedBounds(ends), score(detectable)],
          ...[pValue(p_bootstrap), pValue(p), pValue(adjusted), test],
        ]),
      ],
      { ...screen, narrow: "blocks" },
    ),
    [
      `Exactly right: only A in ${plural(exact_match.only_a, "case")}, only B in ${integer(exact_match.only_b)}.`,
      `p (Holm) is adjusted over the ${plural(tested.length, "test")} of the table.`,
      detectableNote,
      `Resamples: ${integer(bootstrap.resamples)}, seed ${bootstrap.seed}.`,
    ]
      .map((line) => `${line}\n`)
      .join(""),
    [...Object.entries(absent).map(([name, reason]) => `${name} has no value: ${reason}\n`), ...reasons].join(""),
  ];
  return fitted(parts.filter((part) => part !== "").join("\n"), screen);
}
