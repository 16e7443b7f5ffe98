import type { Naming } from "../reporting/report/comparison-tables.ts";
import type { Flip, RunDiff } from "../runs/diff.ts";
import { missing, plural, score, signed } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";

/** Cases and files per section; `--json` has all of them. */
const mostListed = 10;

/** The differences between two runs by category. `armName` gives the display name of an arm. */
export function diffText(
  diff: RunDiff,
  metrics: readonly string[],
  { color }: { readonly color: boolean },
  armName: Naming["arm"],
): string {
  const { bold, dim } = styles(color);
  const value = (one: unknown): string => {
    const text = one === null ? "(none)" : typeof one === "string" ? one : JSON.stringify(one);
    return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
  };
  const parts: string[] = [`${dim("A")} ${diff.a}\n${dim("B")} ${diff.b}\n`];
  const section = (title: string, rows: readonly (readonly string[])[], all = rows.length): void => {
    if (all === 0) return;
    const more = all > rows.length ? `${dim(`and ${all - rows.length} more`)}\n` : "";
    parts.push(`${bold(title)}\n${table(rows)}${more}`);
  };
  for (const part of ["config", "data", "prompt", "recipe", "environment", "hardware"] as const) {
    section(
      part,
      diff[part].map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
    );
  }
  section(
    "files",
    diff.files.slice(0, mostListed).map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
    diff.files.length,
  );
  const shown = diff.metrics.filter(({ name }) => metrics.some((metric) => name.endsWith(` ${diff.view} ${metric}`)));
  section(
    `metrics (${diff.view} view)`,
    shown.map(({ name, a, b, difference }) => [
      `  ${name}`,
      ...[a, b].map((one) => (typeof one === "number" ? score(one) : missing)),
      difference === null ? "" : signed(difference),
    ]),
  );
  for (const [arm, { cases, fixed, broken, changed }] of Object.entries(diff.cases)) {
    if (cases === 0) continue;
    const title = `${armName(arm)}: ${plural(cases, "case")}, ${fixed.length} fixed, ${broken.length} broken, ${changed.length} wrong in both runs, differently`;
    const rows = (kind: string, flips: readonly Flip[]): string[][] =>
      flips
        .slice(0, mostListed)
        .map(({ id, gold, a, b }) => [`  ${kind}`, id, gold.join("; "), a.join("; "), b.join("; ")]);
    const flips = [...rows("fixed", fixed), ...rows("broken", broken), ...rows("different", changed)];
    if (flips.length === 0) parts.push(`${bold(title)}\n`);
    else section(title, [["  ", "id", "gold", "A", "B"], ...flips]);
  }
  if (parts.length === 1) parts.push("The runs do not differ.\n");
  for (const note of diff.notes) parts.push(`${dim(`Note: ${note}`)}\n`);
  return parts.join("\n");
}
