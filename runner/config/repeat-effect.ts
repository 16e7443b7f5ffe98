import type { Experiment } from "../plugins/experiment.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import type { Node } from "./node.ts";

/**
 * Complaints about keys of `sweep.repeat` that change no answer: their runs are equal, and no independent ones whose
 * scores could be averaged. Keys of `evaluate` change intervals, which may be of interest, and give warnings.
 */
export function repeatsWithoutEffect(sweep: Node | undefined, points: readonly Experiment[]): readonly Diagnostic[] {
  const repeat = sweep?.kind === "map" ? sweep.entries.get("repeat")?.node : undefined;
  if (repeat?.kind !== "map") return [];
  return [...repeat.entries].flatMap(([name, { key: span }]): readonly Diagnostic[] => {
    const reasons = points.map((experiment) => idle(name, experiment));
    const [reason] = reasons;
    if (reason === undefined || reasons.includes(undefined)) return [];
    const severity = name.startsWith("evaluate.") ? "warning" : "error";
    const message = `the runs of sweep.repeat are equal but for ${name}, ${reason}`;
    const help = "repeat a seed that changes the answers, such as train.seed, or remove the key";
    return [{ severity, code: "repeat-without-effect", message, span, help }];
  });
}

/** Why a key changes no answer of an experiment; undefined if it may. */
function idle(name: string, { data, prompt, generate, train }: Experiment): string | undefined {
  if (/^(?:evaluate|report|upload|resources|description|baselines)(?:\.|$)/.test(name))
    return "which changes no answer";
  switch (name) {
    case "data.train.seed":
      return data.train.limit === undefined ? "which has no effect without data.train.limit" : undefined;
    case "data.test.seed":
      return data.test?.limit === undefined && data.test?.fraction === undefined
        ? "which has no effect without data.test.limit or fraction"
        : undefined;
    case "prompt.examples.seed":
      if (prompt.examples.count === 0) return "which has no effect without prompt.examples.count";
      return prompt.examples.select === "random"
        ? undefined
        : "which has no effect without prompt.examples.select: random";
    case "generate.seed":
      return (generate.temperature ?? 0) > 0 ? undefined : "which has no effect at temperature 0";
    case "train.seed":
      return train === undefined ? "and nothing is trained" : undefined;
    default:
      return undefined;
  }
}
