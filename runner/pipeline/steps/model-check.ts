import type { Experiment } from "../../plugins/experiment.ts";
import type { ModelConfig } from "../../plugins/model-shape.ts";
import { type ModelUse, modelUse, unsupportedUses } from "../../plugins/model-support.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";

/** The hint of a step that checks the model: what the experiment does with it. Several experiments may share the step. */
export function modelHint(experiment: Experiment): { readonly model_uses: Json } {
  return { model_uses: [modelUse(experiment.train, experiment.generate)] as unknown as Json };
}

/** The hints of a step that experiments share: it checks the model for each of them. */
export function joinUses(one: Readonly<Record<string, Json>>, other: Readonly<Record<string, Json>>) {
  const uses = [...usesOf(one.model_uses), ...usesOf(other.model_uses)];
  const distinct = new Map(uses.map((use) => [JSON.stringify(use), use]));
  return { ...one, model_uses: [...distinct.values()] as unknown as Json };
}

/** Throws UserError for the first use in a hint that the model of a config.json does not allow. A plan may not know it. */
export function checkModel(uses: Json | undefined, config: ModelConfig): void {
  const unsupported = usesOf(uses).flatMap((use) => unsupportedUses(use, config))[0];
  if (unsupported === undefined) return;
  throw new UserError(unsupported.code, unsupported.message, { help: unsupported.help });
}

function usesOf(hint: Json | undefined): readonly ModelUse[] {
  return (hint ?? []) as unknown as readonly ModelUse[];
}
