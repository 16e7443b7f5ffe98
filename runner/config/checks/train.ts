import type { Capabilities } from "../../plugins/backends/backend.ts";
import { wantedDevices } from "../../plugins/backends/device.ts";
import { unsupportedReason } from "../../plugins/backends/matrix.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { suggestion } from "../../util/suggest.ts";
import { dottedKeys } from "../resolve.ts";
import type { Train } from "../schema.ts";
import type { CheckContext } from "./context.ts";

type Written = Omit<Train, "alpha" | "overrides"> & { alpha?: number; alpha_ratio?: number; overrides: object };

/** What the backend can do of what was asked, and keys that contradict each other. */
export function checkTrain(context: CheckContext): void {
  const { data, train: resolved } = context.experiment;
  if (resolved === undefined) return;
  const train = resolved as Written;
  const backend = backends[train.backend];
  if (backend === undefined) return;
  if (train.alpha !== undefined && train.alpha_ratio !== undefined) {
    const help = "keep alpha, or alpha_ratio so that a sweep over rank is not a sweep over scale";
    context.error("train.alpha_ratio:", "exactly-one", "alpha and alpha_ratio are both given", help);
  }
  checkMethod(context, train);
  if (train.merge && train.method === "full") {
    context.warning("train.merge:", "unused-key", "full fine-tuning has no adapter to merge", "leave the key out");
  }
  checkSeveral(context, train);
  checkCapabilities(context, train);
  checkValidation(context, train, data.validation !== undefined);
  checkOverrides(context, train, backend.capabilities);
}

/** A method and precision that the backend has nowhere, or not on the device that `resources.gpus` asks for. */
function checkMethod(context: CheckContext, train: Written): void {
  const asked = { backend: train.backend, method: train.method, precision: train.precision };
  const lack = unsupportedReason(asked, wantedDevices(context.experiment.resources));
  if (lack !== undefined) context.error(`train.${lack.key}`, "backend-unsupported", lack.message, lack.help);
}

/** Several GPUs and nodes share the passes of a step, so that an experiment learns the same on one and on four. */
function checkSeveral(context: CheckContext, train: Written): void {
  const { gpus = 1, slurm } = context.experiment.resources;
  const nodes = slurm?.nodes ?? 1;
  const processes = Math.max(1, gpus) * nodes;
  if (processes < 2) return;
  const { capabilities, name } = backends[train.backend] as NonNullable<(typeof backends)[string]>;
  const alone = [...(gpus > 1 ? ["gpus: 1"] : []), ...(nodes > 1 ? ["slurm.nodes: 1"] : [])].join(" and ");
  if (capabilities.oneGpu?.includes(train.method)) {
    const others = Object.values(backends).filter(
      ({ capabilities: can }) => can.methods[train.method].cuda && !can.oneGpu?.includes(train.method),
    );
    const instead = ["method: lora or dora", alone, ...others.map((other) => `backend: ${other.name}`)];
    const help = `use ${instead.join(", or ")}`;
    context.error("train.method", "backend-unsupported", `${name} trains ${train.method} on one GPU only`, help);
  }
  if (capabilities.aloneOnCpu === true && gpus === 0) {
    const others = Object.values(backends).filter(({ capabilities: can }) => can.aloneOnCpu !== true);
    const help = `use ${alone}, or ${others.map((other) => `backend: ${other.name}`).join(", or ")}`;
    context.error(
      "resources.slurm.nodes",
      "backend-unsupported",
      `${name} trains on several nodes with GPUs only`,
      help,
    );
  }
  if (train.gradient_accumulation % processes !== 0) {
    const what = nodes === 1 ? `${gpus} GPUs` : gpus < 2 ? `${nodes} nodes` : `${nodes} nodes with ${gpus} GPUs each`;
    const message = `${what} cannot share ${train.gradient_accumulation} forward passes evenly`;
    const help = `set gradient_accumulation to a multiple of ${processes}; a step learns from batch_size times that many rows`;
    context.error("train.gradient_accumulation", "accumulation-not-divisible", message, help);
  }
}

function checkCapabilities(context: CheckContext, train: Written): void {
  const { capabilities, name } = backends[train.backend] as NonNullable<(typeof backends)[string]>;
  const lacks = (path: string, what: string, help: string) =>
    context.error(path, "backend-unsupported", `${name} cannot ${what}`, help);
  if (!capabilities.schedules.includes(train.schedule)) {
    lacks("train.schedule", `follow schedule ${train.schedule}`, `use one of ${capabilities.schedules.join(", ")}`);
  }
  if (train.keep !== "last" && !capabilities.best.includes(train.keep.best)) {
    const message = `keep: {best: ${train.keep.best}} is not available with ${name} yet`;
    const choices = [...capabilities.best.map((best) => `{best: ${best}}`), "last"].join(" or ");
    context.error("train.keep.best", "not-available", message, `use keep: ${choices}`);
  }
  if (train.early_stopping !== undefined && !capabilities.earlyStopping) {
    lacks("train.early_stopping:", "stop early", "leave the key out");
  }
  if (train.samples !== undefined && !capabilities.samples) {
    lacks("train.samples:", "answer rows while it trains", "leave the key out");
  }
}

function checkValidation(context: CheckContext, train: Written, hasValidation: boolean): void {
  if (hasValidation) return;
  const help = "add data.validation, such as {fraction: 0.1}";
  if (train.keep !== "last") {
    context.error("train.keep", "needs-validation", "choosing the best checkpoint needs validation rows", help);
  }
  if (train.early_stopping !== undefined) {
    context.error("train.early_stopping:", "needs-validation", "early stopping needs validation rows", help);
  }
  if (train.samples !== undefined) {
    context.error("train.samples:", "needs-validation", "samples are answers to validation rows", help);
  }
}

function checkOverrides(context: CheckContext, train: Written, { overrides, decided }: Capabilities): void {
  for (const key of Object.keys(dottedKeys(train.overrides))) {
    if (isKnown(key, overrides)) continue;
    const path = `train.overrides.${key}:`;
    const section = key.split(".")[0] as string;
    const instead = [key, section]
      .map((name) => (Object.hasOwn(decided, name) ? decided[name] : undefined))
      .find(Boolean);
    if (instead !== undefined) {
      context.error(path, "decided-override", `${key} is decided by ${instead}`, `use ${instead}`);
    } else {
      const help = suggestion(key, overrides, "keys");
      context.error(path, "unknown-key", `${train.backend} has no key "${key}" to override`, help);
    }
  }
}

/** Whether a dotted key is in a list, or in a section of free keys there: "optim_args.*". */
function isKnown(key: string, keys: readonly string[]): boolean {
  const parts = key.split(".");
  return keys.includes(key) || parts.some((_, at) => at > 0 && keys.includes(`${parts.slice(0, at).join(".")}.*`));
}
