import { type Act, exit } from "../project/context.ts";
import { loadAll } from "../project/load.ts";

/** `exp check`: says everything that is wrong with experiments; reads neither weights nor the rows of the data without --preflight. */
export const command: Act = async ([paths], options, context) => {
  const loaded = loadAll(paths as string[], options, context, { isCheck: true });
  if (loaded === undefined) return exit.invalid;
  if (options.preflight === true) {
    const { tryTokens } = await import("../running/preflight.ts");
    const code = await tryTokens(loaded, options, context);
    if (code !== exit.done) return code;
  }
  if (options.json === true) return exit.done;
  for (const { name, points } of loaded) {
    context.out(
      `${name}: right${points.length > 1 ? `, a sweep of ${points.length} runs${points[0]?.final ? ", of which one setting is scored on test" : ""}` : ""}\n`,
    );
  }
  return exit.done;
};
