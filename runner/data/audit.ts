import { basicForm } from "../labels/basic.ts";
import { viewLabels, viewOf } from "../labels/views.ts";
import { foldText } from "../similarity/near-duplicate.ts";
import { type LabelCount, labelCounts } from "./labels.ts";
import type { Row } from "./rows.ts";

/** The rows of each part of a study; a part without rows counts as absent. */
export type Splits = {
  readonly train: readonly Row[];
  readonly validation?: readonly Row[] | undefined;
  readonly test?: readonly Row[] | undefined;
};
type SplitName = keyof Splits;

/** One thing that the audit found. Errors stop a run unless the author accepts their code. */
export type Finding = {
  readonly severity: "error" | "warning";
  /** Stable and documented: "leak". */
  readonly code: string;
  readonly message: string;
  /** Rows or labels that it concerns. */
  readonly count: number;
  /** Up to ten of them: "train/case-17", or a label in quotes. */
  readonly examples: readonly string[];
  readonly accepted: boolean;
};

/** What `audit.json` holds. */
export type Audit = {
  readonly splits: Readonly<Partial<Record<SplitName, SplitFacts>>>;
  readonly findings: readonly Finding[];
};

/** Numbers about one part. */
type SplitFacts = {
  readonly rows: number;
  readonly empty_inputs: number;
  readonly empty_targets: number;
  /** Distinct labels in the raw view and in the basic view. */
  readonly labels_raw: number;
  readonly labels_basic: number;
  /** Labels per row, raw. */
  readonly labels_per_row: number;
  /** Labels (basic) of so few rows: singletons, and fewer than six. */
  readonly labels_once: number;
  readonly labels_below_six: number;
  /** Share of the part's labels (basic, each occurrence) that training has: the best recall reachable with training labels only. */
  readonly seen_in_training: number;
};

/** All that a rule looks at, computed once. */
type Facts = {
  /** Every row with its part, an "all parts" list in the order train, validation, test. */
  readonly rows: readonly Placed[];
  readonly parts: readonly { readonly name: SplitName; readonly rows: readonly Row[] }[];
  /** Rows by input, white space and case apart; empty inputs are left out. */
  readonly byInput: readonly (readonly Placed[])[];
  readonly counts: Readonly<Record<"raw" | "basic", ReadonlyMap<SplitName, readonly LabelCount[]>>>;
};
type Placed = { readonly part: SplitName; readonly row: Row };
type Found = { readonly message: string; readonly count: number; readonly examples: readonly string[] };

/** One rule of the audit: what it looks for, and what it found. */
type Rule = {
  readonly code: string;
  readonly severity: Finding["severity"];
  find(facts: Facts): Found | undefined;
};

const rules: readonly Rule[] = [
  {
    code: "no-rows",
    severity: "error",
    find: ({ parts }) =>
      found(parts.some(({ name }) => name === "train") ? [] : ["train"], () => "training has no rows"),
  },
  {
    code: "leak",
    severity: "error",
    find({ byInput }) {
      const shared = byInput.filter((rows) => new Set(rows.map(({ part }) => part)).size > 1).flat();
      const parts = [...new Set(shared.map(({ part }) => part))].join(" and ");
      return found(shared.map(where), (count) => `${count} rows have an input that stands in ${parts} alike`);
    },
  },
  {
    code: "empty-input",
    severity: "error",
    find: ({ rows }) =>
      found(rows.filter(({ row }) => row.input.trim() === "").map(where), (count) => `${count} rows have no input`),
  },
  {
    code: "empty-target",
    severity: "warning",
    find: ({ rows }) =>
      found(rows.filter(({ row }) => row.gold.length === 0).map(where), (count) => `${count} rows have no label`),
  },
  {
    code: "same-id",
    severity: "warning",
    find({ rows }) {
      const parts = new Map<string, Placed[]>();
      for (const placed of rows) parts.set(placed.row.id, [...(parts.get(placed.row.id) ?? []), placed]);
      const same = [...parts.values()].filter((placed) => placed.length > 1).flat();
      return found(same.map(where), (count) => `${count} rows share their id with a row of another part`);
    },
  },
  {
    code: "duplicate-input",
    severity: "warning",
    find({ parts, byInput }) {
      const again = parts.flatMap(({ name }) =>
        byInput.flatMap((rows) => rows.filter(({ part }) => part === name).slice(1)),
      );
      return found(again.map(where), (count) => `${count} rows repeat the input of an earlier row of the same part`);
    },
  },
  {
    code: "contradiction",
    severity: "warning",
    find({ byInput }) {
      const odd = byInput.filter((rows) => rows.length > 1 && new Set(rows.map(({ row }) => answerKey(row))).size > 1);
      return found(
        odd.flat().map(where),
        (count) => `${count} rows have the same input as another row and other labels`,
      );
    },
  },
  {
    code: "label-variants",
    severity: "warning",
    find({ counts }) {
      const forms = new Map<string, Set<string>>();
      for (const { label } of [...counts.raw.values()].flat())
        forms.set(basicForm(label), (forms.get(basicForm(label)) ?? new Set()).add(label));
      const variants = [...forms.values()].filter((raw) => raw.size > 1);
      const examples = variants.map((raw) => [...raw].sort().map(quoted).join(" / "));
      return found(
        examples,
        (count) => `${count} labels are written in several ways that differ in case, space or punctuation`,
      );
    },
  },
  {
    code: "long-label",
    severity: "warning",
    find({ rows }) {
      const long = rows.filter(({ row }) =>
        row.gold.some((label) => label.length > 80 || label.split(/\s+/).length > 10),
      );
      return found(long.map(where), (count) => `${count} rows have a label as long as a sentence`);
    },
  },
  {
    code: "unseen-label",
    severity: "warning",
    find({ counts }) {
      const train = new Set(counts.basic.get("train")?.map(({ label }) => label));
      const unseen = (counts.basic.get("test") ?? []).filter(({ label }) => !train.has(label));
      const rows = unseen.reduce((sum, { count }) => sum + count, 0);
      return found(
        unseen.map(({ label }) => quoted(label)),
        (count) =>
          `${count} labels of test are unseen in training; they occur ${rows} times and can hardly be got right`,
      );
    },
  },
];

/** Codes that the audit can report, for `data.accept` and the documentation. */
export const auditCodes: readonly string[] = rules.map(({ code }) => code);

/** Looks at all parts together. `accept`: codes of errors that the author has seen. */
export function audit(splits: Splits, accept: readonly string[] = []): Audit {
  const facts = gather(splits);
  const findings = rules.flatMap(({ code, severity, find }) => {
    const result = find(facts);
    return result ? [{ severity, code, ...result, accepted: severity === "error" && accept.includes(code) }] : [];
  });
  return { splits: Object.fromEntries(facts.parts.map((part) => [part.name, factsOf(part, facts)])), findings };
}

/** The findings that stop a run. */
export function blocking({ findings }: Audit): readonly Finding[] {
  return findings.filter(({ severity, accepted }) => severity === "error" && !accepted);
}

function gather(splits: Splits): Facts {
  const names: readonly SplitName[] = ["train", "validation", "test"];
  const parts = names.flatMap((name) => (splits[name]?.length ? [{ name, rows: splits[name] }] : []));
  const rows = parts.flatMap((part) => part.rows.map((row) => ({ part: part.name, row })));
  const byInput = new Map<string, Placed[]>();
  for (const placed of rows) {
    const key = foldText(placed.row.input);
    if (key === "") continue;
    const same = byInput.get(key);
    if (same) same.push(placed);
    else byInput.set(key, [placed]);
  }
  const counted = (view: "raw" | "basic") =>
    new Map(parts.map((part) => [part.name, labelCounts(part.rows, viewOf(view))] as const));
  return { rows, parts, byInput: [...byInput.values()], counts: { raw: counted("raw"), basic: counted("basic") } };
}

function factsOf({ name, rows }: { name: SplitName; rows: readonly Row[] }, facts: Facts): SplitFacts {
  const basic = facts.counts.basic.get(name) ?? [];
  const train = new Set(facts.counts.basic.get("train")?.map(({ label }) => label));
  const total = basic.reduce((sum, { count }) => sum + count, 0);
  const seen = basic.reduce((sum, { label, count }) => sum + (train.has(label) ? count : 0), 0);
  const labels = rows.reduce((sum, { gold }) => sum + gold.length, 0);
  return {
    rows: rows.length,
    empty_inputs: rows.filter(({ input }) => input.trim() === "").length,
    empty_targets: rows.filter(({ gold }) => gold.length === 0).length,
    labels_raw: facts.counts.raw.get(name)?.length ?? 0,
    labels_basic: basic.length,
    labels_per_row: rows.length === 0 ? 0 : labels / rows.length,
    labels_once: basic.filter(({ count }) => count === 1).length,
    labels_below_six: basic.filter(({ count }) => count < 6).length,
    seen_in_training: total === 0 ? 1 : seen / total,
  };
}

/** A finding about so many things, with the first ten; undefined where there are none. */
function found(examples: readonly string[], message: (count: number) => string): Found | undefined {
  if (examples.length === 0) return undefined;
  return { message: message(examples.length), count: examples.length, examples: examples.slice(0, 10) };
}

const where = ({ part, row }: Placed): string => `${part}/${row.id}`;
const quoted = (label: string): string => JSON.stringify(label);
const answerKey = (row: Row): string => viewLabels(row.gold, basicForm).sort().join("\0");
