import type { Json } from "../util/canonical.ts";
import { rememberedPair, rememberedWeakly } from "../util/remember.ts";
import type { Experiment } from "./experiment.ts";
import type { Site } from "./site.ts";
import type { Draft, PythonProgram, StepContext } from "./step.ts";

/** What a step is drafted for. */
export type DraftRequest = {
  readonly experiment: Experiment;
  /** The arm that the step belongs to: "tuned" for a training, "zero_shot" or "tuned" for answers. */
  readonly arm: string;
  readonly site: Site;
};

/** How an implementation carries out a step that core drafts in part. */
export type StepWork = {
  /**
   * Completes a draft of core, which has id, parameters, upstream files and resource needs. Everything that may change
   * the output belongs to `params`, `sources` or `inputs`, which form the cache key. A draft keeps its `kind` and `id`.
   */
  draft(common: Draft, request: DraftRequest): Draft;
  /** Carries out the step with the parameters of the completed draft. Every effect goes through `context`. */
  run(params: Params, context: StepContext): Promise<void>;
};

type Params = Readonly<Record<string, Json>>;

/** A step that runs a module of recipes/ in a Python environment. */
export function pythonStep(program: PythonProgram): StepWork {
  return {
    draft: (common, { site }) => inPython(common, program, site),
    run: (_params, context) => context.python(program),
  };
}

/** Adds the sources of a Python program to a draft: the files that the module imports, and the environment's lock file. */
export function inPython(draft: Draft, { module, environment }: PythonProgram, site: Site): Draft {
  const own = programSources(site)(module, environment);
  const sources = Object.keys(draft.sources).length === 0 ? own : { ...own, ...draft.sources };
  return { ...draft, environment, sources };
}

/** The sources of a program, in one object for all steps that run it. */
const programSources = rememberedWeakly((site: Site) =>
  rememberedPair(
    (module: string, environment: string): Readonly<Record<string, string>> => ({
      ...site.recipe(module),
      [lockSource(environment)]: site.lock(environment),
    }),
  ),
);

/** Logical name of an environment's lock file among a step's sources. */
export function lockSource(environment: string): string {
  return `lock of ${environment}`;
}
