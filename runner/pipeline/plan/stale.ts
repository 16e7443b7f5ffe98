import { canonicalJson } from "../../util/canonical.ts";
import type { Ingredients } from "./record.ts";

/** Recipe code, and the locks that environments are built from: what may change without a change of what was asked for. */
const isRecipe = (name: string): boolean => name.startsWith("recipes/") || name.startsWith("lock of ");

/** Names of the sources that are not what they were, sorted. */
export function changedSources(before: Ingredients["sources"], now: Ingredients["sources"]): readonly string[] {
  return Object.keys({ ...before, ...now })
    .filter((name) => before[name] !== now[name])
    .sort();
}

/** What a step is made of besides recipe code and locks: its parameters, its data and its upstream files. */
export function besidesRecipes(ingredients: Ingredients): Ingredients {
  const own = Object.entries(ingredients.sources).filter(([name]) => !isRecipe(name));
  return { ...ingredients, sources: Object.fromEntries(own) };
}

/** Whether what a step was built from differs from what it would be built from now in recipe code and locks at most. */
export function isStale(before: Ingredients, now: Ingredients): boolean {
  return before.kind === now.kind && canonicalJson(besidesRecipes(before)) === canonicalJson(besidesRecipes(now));
}
