import { bandsText } from "../evaluation/baselines/frequency-thresholds.ts";
import type { Manifest } from "../runs/manifest.ts";
import { score } from "../util/format.ts";

type Named = (arm: string) => string;

/** How the labels of arms with a threshold are decided. */
export function decisionText({ steps }: Pick<Manifest, "steps">, nameOf: Named): string {
  const lines = Object.entries(steps).flatMap(([id, { kind, evidence }]) => {
    const { weight, threshold, validation, validation_micro_f1, validation_answer_micro_f1 } = evidence;
    const numbers = [weight, threshold, validation, validation_micro_f1, validation_answer_micro_f1];
    if (kind !== "decide" || !numbers.every((value) => typeof value === "number")) return [];
    const [share, above, rows, decided, answers] = numbers as [number, number, number, number, number];
    const name = nameOf(id.slice(id.indexOf(".") + 1));
    const bands = bandsText(evidence.bands);
    return [
      `${name}: labels with a score above ${Number(above.toPrecision(3))} (weight of the answer ${share}, of label scores ${Number((1 - share).toFixed(1))})\n`,
      ...(bands === "" ? [] : [`  by training rows with the label: ${bands}\n`]),
      `  on the ${rows} validation rows that chose it: micro_f1 ${score(decided)}, of the answers ${score(answers)}\n`,
    ];
  });
  return lines.length === 0 ? "" : `\nDecision\n${lines.join("")}`;
}
