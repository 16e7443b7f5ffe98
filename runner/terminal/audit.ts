import type { Audit, SplitFacts } from "../data/audit.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";

/** How many examples of a finding a terminal shows; `--json` has ten. */
const examplesShown = 3;

/** An audit on one screen: the numbers of each part side by side, labels by training frequency, and what was found. */
export function auditText({ splits, findings }: Audit, screen: { readonly color: boolean }): string {
  const parts = Object.entries(splits);
  const right = { align: ["left" as const, ...parts.map(() => "right" as const)], color: screen.color };
  const names = parts.map(([name]) => name);
  const facts = table(
    [
      ["", ...names],
      ...rows
        .map(([name, of]) => [name, ...parts.map(([, part]) => of(part))])
        .filter((row) => row.slice(1).some((cell) => cell !== "")),
    ],
    right,
  );
  const first = parts[0]?.[1].tail ?? [];
  const tail = table(
    [
      ["labels (occurrences) by training rows", ...names],
      ...first.map(({ training_rows }, at) => [training_rows, ...parts.map(([, part]) => tailCell(part, at))]),
    ],
    right,
  );
  const { dim, bold } = styles(screen.color);
  const found = findings.map(({ severity, code, message, examples, count, accepted }) => {
    const shown = examples.slice(0, examplesShown);
    const rest = count > shown.length ? ", …" : "";
    const mark = accepted ? "accepted" : severity;
    return `${bold(`${mark}[${code}]`)} ${message}\n${dim(`  ${shown.join(", ")}${rest}`)}\n`;
  });
  const end = findings.length === 0 ? "Nothing to complain about.\n" : found.join("");
  return `${facts}\n${tail}\n${end}`;
}

const whole = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 0 });
const share = (value: number): string => `${(100 * value).toFixed(1)} %`;

const rows: readonly (readonly [name: string, of: (part: SplitFacts) => string])[] = [
  ["rows", (part) => whole(part.rows)],
  ["rows without input / without label", (part) => `${part.empty_inputs} / ${part.empty_targets}`],
  ["labels, as written / basic view", (part) => `${whole(part.labels_raw)} / ${whole(part.labels_basic)}`],
  ["labels a row", (part) => part.labels_per_row.toFixed(2)],
  ["labels of one row / of two to five", (part) => `${part.labels_once} / ${part.labels_below_six - part.labels_once}`],
  ["label occurrences that training has", (part) => share(part.seen_in_training)],
  [
    "best micro-F1 / exact match with training's labels",
    (part) => `${part.ceiling.micro_f1.toFixed(3)} / ${part.ceiling.exact_match.toFixed(3)}`,
  ],
  [
    "words: least, median, 95 %, most",
    ({ words }) => [words.min, words.median, words.p95, words.max].map(whole).join(", "),
  ],
  [
    "tokens of the model: median, 95 %, most",
    ({ tokens }) => (tokens === undefined ? "" : [tokens.median, tokens.p95, tokens.max].map(whole).join(", ")),
  ],
  ["characters: median, most", ({ characters }) => [characters.median, characters.max].map(whole).join(", ")],
];

function tailCell({ tail }: SplitFacts, at: number): string {
  const { labels = 0, occurrences = 0 } = tail[at] ?? {};
  return labels === 0 ? "-" : `${whole(labels)} (${whole(occurrences)})`;
}
