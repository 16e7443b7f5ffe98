import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type SplitName, type Spread, spread } from "../data/audit.ts";
import type { Study } from "../pipeline/steps/data.ts";
import { defaultEnvironment } from "../plugins/environments.ts";
import { environmentStatus } from "../setup/environments.ts";
import { prober } from "../setup/probe.ts";
import type { Context } from "../util/context.ts";

/**
 * Token counts of the inputs of each split, by the tokenizer in a model's folder. Undefined if the Python environment
 * or the model is not on this machine, or if counting takes too long: an audit works without them.
 */
export async function tokenLengths(
  { splits }: Study,
  model: string,
  context: Context,
): Promise<Readonly<Partial<Record<SplitName, Spread>>> | undefined> {
  const tokenizer = resolve(model, "tokenizer.json");
  const { state, python } = environmentStatus(defaultEnvironment(), context);
  if (state !== "ok" || !existsSync(tokenizer)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "exp-lengths-"));
  try {
    const parts = Object.entries(splits) as [SplitName, Study["splits"][SplitName]][];
    const texts = join(folder, "texts.json");
    writeFileSync(texts, JSON.stringify(parts.flatMap(([, rows]) => rows.map(({ input }) => input))));
    const ask = prober({ ...context.env, PYTHONPATH: context.packageRoot });
    const output = await ask(python, ["-m", "recipes.tools.count_tokens", tokenizer, texts]);
    if (output === undefined) return undefined;
    const counts = JSON.parse(output) as readonly number[];
    let from = 0;
    return Object.fromEntries(
      parts.map(([name, rows]) => {
        const own = counts.slice(from, from + rows.length);
        from += rows.length;
        return [name, spread(own)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
