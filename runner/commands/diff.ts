import { openStored } from "../project/place.ts";
import { diffRuns } from "../runs/diff.ts";
import { findRun, RunNotFound } from "../runs/finished-runs.ts";
import { synonymsNow } from "../runs/run-synonyms.ts";
import { diffText } from "../terminal/comparison.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp diff A B`: what differs between two runs or manifests, and which cases flipped. */
export const command: Act = async ([nameA, nameB], { json }, context) => {
  const { root, artifacts, store } = openStored(context.cwd, context, "read");
  try {
    const [a, b] = [nameA, nameB].map((name) => findRun(name as string, artifacts, context.cwd)) as [
      ReturnType<typeof findRun>,
      ReturnType<typeof findRun>,
    ];
    const { evaluate } = a.manifest.config;
    const { synonyms } = synonymsNow(a, root);
    const diff = diffRuns(a, b, evaluate.primary.view, {
      artifacts,
      peek: (key) => store.peek(key),
      ...(synonyms === undefined ? {} : { synonyms }),
    });
    const shown = [...new Set([evaluate.primary.metric, ...evaluate.metrics])];
    context.out(json === true ? `${JSON.stringify(diff, null, 1)}\n` : diffText(diff, shown, context));
    return exit.done;
  } catch (error) {
    if (!(error instanceof RunNotFound)) throw error;
    context.err(`exp diff: ${error.message}\n`);
    return exit.invalid;
  } finally {
    store.close();
  }
};
