import { canonicalJson } from "../../util/canonical.ts";
import type { Ingredients } from "./record.ts";

/** Recipe code and lock files. They may change although the experiment does not. */
const isRecipe = (name: string): boolean => name.startsWith("recipes/") || name.startsWith("lock of ");

/** Sorted names of the sources that differ. */
export function changedSources(before: Ingredients["sources"], now: Ingredients["sources"]): readonly string[] {
  return Object.keys({ ...before, ...now })
    .filter((name) => before[name] !== now[name])
    .sort();
}

/** Ingredients without recipe code and lock files. */
export function withoutRecipes(ingredients: Ingredients): Ingredients {
  const own = Object.entries(ingredients.sources).filter(([name]) => !isRecipe(name));
  return { ...ingredients, sources: Object.fromEntries(own) };
}

/** Whether ingredients differ in recipe code and lock files at most. */
export function isStale(before: Ingredients, now: Ingredients): boolean {
  return before.kind === now.kind && canonicalJson(withoutRecipes(before)) === canonicalJson(withoutRecipes(now));
}
