import { relative } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { tpeRounds } from "../config/tpe.ts";
import { rubricVariables } from "../pipeline/steps/judge.ts";
import { invalid, loadAll, printDiagnostics } from "../project/load.ts";
import { missingDatasets, studiesOf } from "../project/studies.ts";
import { exit } from "../util/context.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { plural } from "../util/format.ts";
import { readRegularFile } from "../util/regular-file.ts";
import { shellWord } from "../util/shell.ts";
import { defineCommand, flag, oneOrMore } from "./command.ts";
import { json, set, sweep, trust } from "./common-options.ts";

/** Reads the experiments, their templates, label files and rows, and no weights without --preflight. */
export const command = defineCommand({
  arguments: { files: oneOrMore("file", "An experiment file.") },
  options: {
    set,
    sweep,
    trust,
    preflight: flag(
      "Also check the tokens that are trained on. This needs the Python environment and the model's files.",
    ),
    json,
  },
  async run({ files, set, sweep, trust, preflight, json }, context) {
    const loaded = loadAll(files, { set, sweep, trust }, context, (warnings) =>
      printDiagnostics(warnings, json, context),
    );
    const errors = await templateErrors(loaded, context.cwd);
    if (errors.length > 0) throw invalid(errors);
    // Reading throws the errors of the rows. A check downloads nothing.
    const unread = new Map(loaded.map((one) => [one, missingDatasets(one, context)]));
    for (const one of loaded) if (unread.get(one)?.length === 0) for await (const _ of studiesOf(one, context));
    if (preflight) {
      const { checkTokens } = await import("../orchestration/preflight.ts");
      const code = await checkTokens(loaded, { json }, context);
      if (code !== exit.done) return code;
    }
    for (const one of json ? [] : loaded) {
      context.out(`${one.name}: ok${sweepText(one)}\n`);
      const missing = unread.get(one) ?? [];
      if (missing.length === 0) continue;
      const file = relative(context.cwd, one.file);
      context.out(`  not fetched, so the rows are not checked: ${missing.join(", ")}\n`);
      context.out(`  exp run ${shellWord(file)} --until fetch_data fetches it\n`);
    }
    return exit.done;
  },
});

/** The first error of each template from which an experiment renders prompts. */
async function templateErrors(loaded: readonly LoadedExperiment[], cwd: string): Promise<readonly Diagnostic[]> {
  const experiments = loaded.flatMap(({ points }) =>
    points.flatMap(({ experiment, compared }) => [experiment, ...compared]),
  );
  const templates = new Map<string, readonly [string, readonly string[]]>();
  for (const { prompt, train, data, evaluate } of experiments) {
    const names = Object.keys(data.columns.inputs ?? {});
    const paths = [
      prompt.template,
      ...(train === undefined || prompt.zero_shot === undefined ? [] : [prompt.zero_shot]),
    ];
    if (evaluate.judge !== undefined) {
      const { rubric } = evaluate.judge;
      templates.set([rubric, ...rubricVariables].join("\0"), [rubric, rubricVariables]);
    }
    for (const path of paths) templates.set([path, ...names].join("\0"), [path, names]);
  }
  // Handlebars is imported for this command only.
  const { templateError } = await import("../pipeline/template-check.ts");
  return [...templates.values()].flatMap(([path, names]) => {
    const text = readRegularFile(path, "template").toString("utf8");
    return templateError({ path: relative(cwd, path), text }, names) ?? [];
  });
}

/** The number of runs of a sweep, of its rungs, and whether a winner is scored on test. */
function sweepText({ points, rungs = [], sweep }: LoadedExperiment): string {
  if (points.length <= 1) return "";
  const ladder = [points, ...rungs].flatMap(([point]) => point?.rung ?? []);
  const steps = ladder.map(({ settings, epochs }) => `${plural(settings, "setting")} for ${plural(epochs, "epoch")}`);
  const halved = steps.length === 0 ? "" : ` by halving (${steps.join(", ")})`;
  const settings = new Set(points.map(({ setting }) => setting)).size;
  const counts = sweep?.tpe && tpeRounds(settings, sweep.tpe);
  const tried = counts?.reduce((sum, count) => sum + count, 0);
  const searched = counts && ` by TPE, which tries ${tried} of ${plural(settings, "setting")}, at first ${counts[0]}`;
  const isScored = [points, ...rungs].at(-1)?.[0]?.final !== undefined;
  return `, a sweep of ${points.length} runs${halved}${searched ?? ""}${isScored ? ", of which one setting is scored on test" : ""}`;
}
