import { pointOf } from "../config/rungs.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { loadAll, type Overrides } from "../project/load.ts";
import type { Project } from "../project/project.ts";
import { canonicalJson, type Json } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { dotted } from "../util/flatten.ts";
import { fileInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** The error for a run whose files no longer declare the same run. */
export function runChanged({ manifest }: FinishedRun, message: string): UserError {
  const { git } = manifest.provenance;
  const help = git === null ? undefined : `the run was made at commit ${git.commit}`;
  return new UserError("run-changed", message, { help, status: "invalid" });
}

/**
 * The experiment of a run as its file declares it now, with absolute paths. With `sections`, only these keys of the
 * experiment must be those of the run. Throws UserError: run-changed, invalid-experiment, untrusted.
 */
export function declaredExperiment(
  run: FinishedRun,
  project: Pick<Project, "root" | "site">,
  trusting: Pick<Overrides, "trust" | "origin">,
  context: Context,
  sections?: readonly (keyof Experiment)[],
): Experiment {
  const { file, set, sweep = [], smoke, coordinates, role, config } = run.manifest;
  const path = fileInside(project.root, file);
  if (path === undefined) throw runChanged(run, `${file} is not a file of this project`);
  const [loaded] = loadAll([path], { set, sweep, smoke, ...trusting }, context);
  const point = loaded && pointOf(loaded, run.manifest);
  if (point === undefined) throw runChanged(run, `${file} no longer has the run ${coordinates}`);
  const experiment = role === "final" ? (point.final ?? point.experiment) : point.experiment;
  const now = dotted(project.site.portable(experiment));
  const was = dotted(config);
  const text = (value: Json | undefined): string => (value === undefined ? "" : canonicalJson(value));
  const isRead = (key: string): boolean =>
    sections === undefined || sections.some((name) => key === name || key.startsWith(`${name}.`));
  const changed = [...new Set([...was.keys(), ...now.keys()])].filter(
    (key) => isRead(key) && text(was.get(key)) !== text(now.get(key)),
  );
  if (changed.length > 0) throw runChanged(run, `${file} now declares another run (changed: ${changed.join(", ")})`);
  return experiment;
}
