import { ablationTable } from "../reporting/report/ablation.ts";
import type { Ablation } from "../runs/ablation.ts";
import { styles } from "./styles.ts";
import { table } from "./table.ts";

/** Settings that the terminal lists; the workbook has all. */
const mostRows = 40;

/** A sweep as a table with one row per setting. */
export function ablationText(
  ablation: Ablation,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const { bold, dim } = styles(screen.color);
  const { experiment, rows: split, settings, chosen } = ablation;
  const { head, align, rows } = ablationTable(ablation, (metric) => metric);
  const hidden = rows.length - mostRows;
  return [
    `\n${bold(`${experiment}: ${settings.length} settings`)}\n`,
    table([head, ...rows.slice(0, mostRows)], {
      align,
      ...screen,
    }),
    ...(hidden > 0 ? [`${dim(`and ${hidden} more`)}\n`] : []),
    ...(chosen === undefined ? [] : [`Selected on the ${split} split: ${chosen.why}\n`]),
  ].join("");
}
