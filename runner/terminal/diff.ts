import type { Naming } from "../reporting/report/comparison-tables.ts";
import type { Flip, RunDiff } from "../runs/diff.ts";
import { missing, plural, score, signed } from "../util/format.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";
import { fitted } from "./wrap.ts";

/** Cases and files per section; `--json` has all of them. */
const mostListed = 10;

/** The differences between two runs by category. `armName` gives the display name of an arm. */
export function diffText(
  diff: RunDiff,
  metrics: readonly string[],
  screen: { readonly color: boolean; readonly columns?: number },
  armName: Naming["arm"],
): string {
  const { bold, dim } = styles(screen.color);
  const own = { ...screen, color: false, narrow: "blocks" } as const;
  const pair = ["", "A", "", "B"];
  const value = (one: unknown): string => {
    const text = one === null ? "(none)" : typeof one === "string" ? one : JSON.stringify(one);
    return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
  };
  const parts: string[] = [`${dim("A")} ${diff.a}\n${dim("B")} ${diff.b}\n`];
  const section = (
    title: string,
    rows: readonly (readonly string[])[],
    names: readonly string[],
    all = rows.length,
  ): void => {
    if (all === 0) return;
    const more = all > rows.length ? `${dim(`and ${all - rows.length} more`)}\n` : "";
    parts.push(`${bold(title)}\n${table(rows, { ...own, names })}${more}`);
  };
  for (const part of ["config", "data", "prompt", "recipe", "environment", "hardware"] as const) {
    section(
      part,
      diff[part].map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
      pair,
    );
  }
  section(
    "files",
    diff.files.slice(0, mostListed).map(({ name, a, b }) => [`  ${name}`, value(a), "->", value(b)]),
    pair,
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
    ["", "A", "B", "B − A"],
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
    else {
      const head = ["  ", "id", "gold", "A", "B"];
      section(title, [head, ...flips], head);
    }
  }
  if (parts.length === 1) parts.push("The runs do not differ.\n");
  for (const note of diff.notes) parts.push(`${dim(`Note: ${note}`)}\n`);
  return fitted(parts.join("\n"), screen);
}
