import { join, relative } from "node:path";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Project } from "../project/project.ts";
import { type FinishedRun, runLabel } from "../runs/finished-runs.ts";
import { fileGone } from "../runs/run-outputs.ts";
import { UserError } from "../util/user-error.ts";

/** The ingredients of an output that a plan is given: nothing compares them. */
export const noIngredients = { kind: "given", version: 0, params: {}, sources: {}, inputs: {} };

/** The output of a run's step as the record that the next step's key is computed from. Throws UserError `file-gone`. */
export function recordOfStep(run: FinishedRun, id: string): StoreRecord {
  const step = run.manifest.steps[id];
  if (step === undefined) throw fileGone(`${runLabel(run)} has no step ${id}`);
  const { key, object, files, evidence, created, seconds } = step;
  return { schema: 2, key, object, files, evidence, created, seconds, ingredients: noIngredients };
}

/** The stored folder of a step's output, each file of which is as the manifest lists it. Throws UserError. */
export function givenFolder(run: FinishedRun, id: string, { artifacts, digests }: Project): string {
  const { object, files } = recordOfStep(run, id);
  const dir = join(artifacts, "store", "objects", object);
  for (const [name, { sha256: expected }] of Object.entries(files)) {
    const path = join(dir, name);
    const found = digests.plainFile(path);
    if (found === undefined) throw fileGone(`${relative(artifacts, path)} does not exist`);
    if (found.sha256 === expected) continue;
    throw new UserError("run-damaged", `${runLabel(run)}: ${name} of ${id} was changed`, {
      help: "exp verify lists all damage. exp verify --store --repair and a new run repair it",
      status: "refused",
    });
  }
  return dir;
}
