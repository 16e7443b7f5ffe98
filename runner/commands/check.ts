import type { LoadedExperiment } from "../config/loaded.ts";
import { loadAll } from "../project/load.ts";
import { type Act, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";

/** `exp check`: says everything that is wrong with experiments; reads neither weights nor the rows of the data without --preflight. */
export const command: Act = async ([paths], options, context) => {
  const loaded = loadAll(paths as string[], options, context, { isCheck: true });
  if (loaded === undefined) return exit.invalid;
  if (options.preflight === true) {
    const { tryTokens } = await import("../orchestration/preflight.ts");
    const code = await tryTokens(loaded, options, context);
    if (code !== exit.done) return code;
  }
  if (options.json === true) return exit.done;
  for (const one of loaded) context.out(`${one.name}: ok${sweepText(one)}\n`);
  return exit.done;
};

/** What a sweep runs, at first and further. */
function sweepText({ points, rungs = [] }: LoadedExperiment): string {
  if (points.length <= 1) return "";
  const ladder = [points, ...rungs].flatMap(([point]) => point?.rung ?? []);
  const steps = ladder.map(({ settings, epochs }) => `${plural(settings, "setting")} for ${plural(epochs, "epoch")}`);
  const halved = steps.length === 0 ? "" : ` by halving (${steps.join(", ")})`;
  const isScored = [points, ...rungs].at(-1)?.[0]?.final !== undefined;
  return `, a sweep of ${points.length} runs${halved}${isScored ? ", of which one setting is scored on test" : ""}`;
}
