import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { formatDiagnostic, toJson } from "../diagnostic/frame.ts";
import { parseSynonyms } from "../labels/synonyms.ts";
import type { Synonyms } from "../labels/views.ts";
import { type MetricName, metricNames } from "../metrics/metrics.ts";
import { readPredictions } from "../metrics/predictions.ts";
import { score } from "../metrics/score.ts";
import { table } from "../show/table.ts";
import { type Act, exit } from "./context.ts";

/** `exp score FILE`: every metric in every label view for lines of `{"id", "gold": [...], "pred": [...]}`. */
export const command: Act = async ([path], { json, synonyms }, context) => {
  const refuse = (diagnostics: readonly Diagnostic[]): number => {
    for (const one of diagnostics) {
      if (json === true) context.out(`${JSON.stringify(toJson(one))}\n`);
      else context.err(`${formatDiagnostic(one, { color: context.color })}\n`);
    }
    return exit.invalid;
  };
  const read = (name: string): Buffer | undefined => {
    try {
      return readFileSync(resolve(context.cwd, name));
    } catch (error) {
      context.err(`exp score: cannot read ${name}: ${(error as Error).message}\n`);
      return undefined;
    }
  };
  const bytes = read(path as string);
  if (bytes === undefined) return exit.invalid;
  const cases = readPredictions(bytes, path as string);
  if (!cases.ok) return refuse(cases.diagnostics);
  let map: Synonyms | undefined;
  if (typeof synonyms === "string") {
    const yaml = read(synonyms);
    if (yaml === undefined) return exit.invalid;
    const parsed = parseSynonyms({ path: synonyms, text: yaml.toString("utf8") });
    if (!parsed.ok) return refuse(parsed.diagnostics);
    map = parsed.value;
  }
  const { n, views } = score(cases.value, { synonyms: map });
  if (json === true) {
    context.out(`${JSON.stringify({ n, views }, null, 1)}\n`);
    return exit.done;
  }
  const rows = metricNames.map((name: MetricName) => [
    name,
    ...(["raw", "basic", "canonical"] as const).map((view) => views[view][name].toFixed(4)),
  ]);
  context.out(`${n} cases\n`);
  context.out(table([["metric", "raw", "basic", "canonical"], ...rows]));
  return exit.done;
};
