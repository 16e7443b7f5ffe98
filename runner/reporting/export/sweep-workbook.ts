import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { distinctSweeps } from "../../runs/ablation.ts";
import { warningOf } from "../report/report.ts";
import type { RunFacts } from "../report/study.ts";

/**
 * A workbook of the sweeps without selection: the workbook of a run contains its own run only. Undefined if there is no such
 * sweep.
 */
export async function sweepWorkbook(
  runs: readonly RunFacts[],
  manifests: Readonly<Record<string, { readonly sha256: string }>>,
): Promise<Uint8Array | undefined> {
  const swept = distinctSweeps(runs).flatMap(({ ablation }) =>
    ablation === undefined || ablation.chosen !== undefined ? [] : [ablation],
  );
  if (swept.length === 0) return undefined;
  const { writeSweeps } = await import("../render/xlsx/workbook.ts");
  const folder = mkdtempSync(join(tmpdir(), "exp-sweep-"));
  try {
    const path = join(folder, "sweep.xlsx");
    const provenance = Object.entries(manifests).map(([run, { sha256 }]) => [`sha256 of ${run}`, sha256] as const);
    const sweeps = swept.map(({ experiment, metric, view, rows, keys, settings }) => ({
      score: `${experiment}: ${metric} (${view}), ${rows} rows`,
      settings: settings.map(({ values, interval, ...rest }) => ({
        ...rest,
        values: Object.fromEntries(keys.map((key) => [key, values[key]])),
        low: interval?.low ?? null,
        high: interval?.high ?? null,
        isWinner: false,
      })),
    }));
    await writeSweeps(path, sweeps, { warning: warningOf(runs), provenance });
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
