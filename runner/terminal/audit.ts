import type { Audit, SplitFacts } from "../data/audit.ts";
import { integer, missing, percent, score } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";
import { fitted } from "./wrap.ts";

/** Examples per finding; `--json` has ten. */
const mostExamples = 3;

/** A data audit: statistics per split, labels by training frequency if there are labels, and findings. */
export function auditText(
  { splits, findings }: Audit,
  screen: { readonly color: boolean; readonly columns?: number },
  hasLabels = true,
): string {
  const parts = Object.entries(splits);
  const right = { align: ["left" as const, ...parts.map(() => "right" as const)], ...screen };
  const names = parts.map(([name]) => name);
  const facts = table(
    [
      ["", ...names],
      ...(hasLabels ? rows : otherRows)
        .map(([name, of]) => [name, ...parts.map(([, part]) => of(part))])
        .filter((row) => row.slice(1).some((cell) => cell !== "")),
    ],
    right,
  );
  const first = parts[0]?.[1].tail ?? [];
  const tail = table(
    [
      ["labels (occurrences) by training frequency", ...names],
      ...first.map(({ training_rows }, at) => [training_rows, ...parts.map(([, part]) => tailCell(part, at))]),
    ],
    right,
  );
  const { dim, bold } = styles(screen.color);
  const found = findings.map(({ severity, code, message, examples, count, accepted }) => {
    const shown = examples.slice(0, mostExamples);
    const rest = count > shown.length ? ", …" : "";
    const mark = accepted ? "accepted" : severity;
    return `${bold(`${mark}[${code}]`)} ${message}\n${dim(`  ${shown.join(", ")}${rest}`)}\n`;
  });
  const end = findings.length === 0 ? "No findings.\n" : found.join("");
  return fitted(`${facts}\n${hasLabels ? `${tail}\n` : ""}${end}`, screen);
}

const emptyName = "rows without input / without label";
const rows: readonly (readonly [name: string, of: (part: SplitFacts) => string])[] = [
  ["rows", (part) => integer(part.rows)],
  ["rows in an epoch, with copies", ({ epoch_rows }) => (epoch_rows === undefined ? "" : integer(epoch_rows))],
  ["groups", ({ groups }) => (groups === undefined ? "" : integer(groups))],
  [emptyName, (part) => `${part.empty_inputs} / ${part.empty_targets}`],
  ["distinct labels, raw / basic view", (part) => `${integer(part.labels_raw)} / ${integer(part.labels_basic)}`],
  ["labels per row", (part) => part.labels_per_row.toFixed(2)],
  [
    "labels in one row / in two to five rows",
    (part) => `${part.labels_once} / ${part.labels_below_six - part.labels_once}`,
  ],
  ["label occurrences covered by training", (part) => percent(part.seen_in_training)],
  [
    "maximum micro-F1 / exact match at this coverage",
    (part) => `${score(part.ceiling.micro_f1)} / ${score(part.ceiling.exact_match)}`,
  ],
  [
    "words: minimum, median, 95th percentile, maximum",
    ({ words }) => [words.min, words.median, words.p95, words.max].map(integer).join(", "),
  ],
  [
    "tokens: median, 95th percentile, maximum",
    ({ tokens }) => (tokens === undefined ? "" : [tokens.median, tokens.p95, tokens.max].map(integer).join(", ")),
  ],
  ["characters: median, maximum", ({ characters }) => [characters.median, characters.max].map(integer).join(", ")],
];

const otherRows = rows
  .filter(([name]) => name === emptyName || !/label|micro-F1/.test(name))
  .map(([name, of]) => [name.replace("without label", "without target"), of] as const);

function tailCell({ tail }: SplitFacts, at: number): string {
  const { labels = 0, occurrences = 0 } = tail[at] ?? {};
  return labels === 0 ? missing : `${integer(labels)} (${integer(occurrences)})`;
}
