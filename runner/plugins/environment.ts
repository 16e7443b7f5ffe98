/**
 * A locked Python environment that `exp setup NAME` builds from `recipes/locks/NAME-<cpu|cuda>.lock`. Backends, engines
 * and formats bring the environments that they run in; several may share one.
 */
export type Environment = {
  readonly name: string;
  /** Python modules that must import before the environment counts as built. */
  readonly modules: readonly string[];
  /** Lock file, in recipes/locks, of the tools that check the recipes in this environment. Absent: none. */
  readonly dev?: string;
  /** Whether plain `exp setup` builds it. Core's own Python steps (fetch, preflight, merge, baselines) run in this environment. */
  readonly isDefault?: boolean;
  /** Packages whose versions reports, the study README and the model card name. */
  readonly packages: readonly string[];
};
