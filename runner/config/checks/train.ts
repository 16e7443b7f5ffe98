import type { Backend, Capabilities } from "../../plugins/backends/backend.ts";
import { wantedDevices } from "../../plugins/backends/device.ts";
import { averagedEpochs, selectionMetric } from "../../plugins/backends/keep.ts";
import { unsupportedReason } from "../../plugins/backends/matrix.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { nodesIn } from "../../plugins/executors/registry.ts";
import type { Train } from "../../plugins/experiment.ts";
import { suggestion } from "../../util/suggest.ts";
import { dottedKeys } from "../resolve.ts";
import type { CheckContext } from "./context.ts";

/** `train` before alpha and overrides are resolved. */
type Written = Omit<Train, "alpha" | "overrides"> & { alpha?: number; alpha_ratio?: number; overrides: object };

/** Checks what the backend supports, and keys of `train` that contradict each other. */
export function checkTrain(context: CheckContext): void {
  const { data, train: resolved } = context.experiment;
  if (resolved === undefined) return;
  const train = resolved as Written;
  const backend = backends.find(train.backend);
  if (backend === undefined) return;
  if (train.alpha !== undefined && train.alpha_ratio !== undefined) {
    const message = "train.alpha and train.alpha_ratio exclude each other";
    const help = "remove one of them; alpha_ratio keeps the scale constant in a sweep over train.rank";
    context.error("train.alpha_ratio:", "exactly-one", message, help);
  }
  checkMethod(context, train);
  if (train.learning_rate >= 1) {
    const message = `train.learning_rate ${train.learning_rate} is far above every usual value`;
    context.warning("train.learning_rate", "large-learning-rate", message, "write 1.0e-4 for one ten-thousandth");
  }
  if (train.merge && train.method === "full") {
    const message = "train.merge has no effect with method full, which trains no adapter";
    context.warning("train.merge:", "unused-key", message, "remove it");
  }
  checkProcesses(context, train, backend);
  checkCapabilities(context, train, backend);
  checkValidation(context, train, data.validation !== undefined);
  checkOverrides(context, train, backend.capabilities);
}

/** A method or precision that the backend does not support on the devices that `resources.gpus` allows. */
function checkMethod(context: CheckContext, { backend, method, precision }: Written): void {
  const unsupported = unsupportedReason({ backend, method, precision }, wantedDevices(context.experiment.resources));
  if (unsupported === undefined) return;
  context.error(`train.${unsupported.key}`, "backend-unsupported", unsupported.message, unsupported.help);
}

/**
 * Several GPUs or nodes must divide the forward passes of a step evenly, so that the training is the same as on one
 * GPU.
 */
function checkProcesses(context: CheckContext, train: Written, { name, capabilities }: Backend): void {
  const { gpus = 1 } = context.experiment.resources;
  const { nodes, key: nodesKey } = nodesIn(context.experiment.resources);
  const processes = Math.max(1, gpus) * nodes;
  if (processes < 2) return;
  const single = [...(gpus > 1 ? ["gpus: 1"] : []), ...(nodesKey === undefined ? [] : [`${nodesKey}: 1`])].join(
    " and ",
  );
  const others = (can: (capabilities: Capabilities) => boolean): readonly string[] =>
    [...backends].filter((other) => can(other.capabilities)).map((other) => `backend: ${other.name}`);
  if (capabilities.oneGpu?.includes(train.method)) {
    const able = others(({ methods, oneGpu }) => !!methods[train.method]?.cuda && !oneGpu?.includes(train.method));
    const help = `use ${["method: lora or dora", single, ...able].join(", or ")}`;
    context.error("train.method", "backend-unsupported", `${name} trains ${train.method} on one GPU only`, help);
  }
  if (capabilities.oneProcessOnCpu === true && gpus === 0) {
    const help = `use ${[single, ...others(({ oneProcessOnCpu }) => oneProcessOnCpu !== true)].join(", or ")}`;
    const message = `${name} trains on several nodes with GPUs only`;
    context.error(`resources.${nodesKey}`, "backend-unsupported", message, help);
  }
  if (train.gradient_accumulation % processes !== 0) {
    const what = nodes === 1 ? `${gpus} GPUs` : gpus < 2 ? `${nodes} nodes` : `${nodes} nodes with ${gpus} GPUs each`;
    const message = `${what} cannot divide ${train.gradient_accumulation} forward passes evenly`;
    const help = `set gradient_accumulation to a multiple of ${processes}; a step uses batch_size times that many rows`;
    context.error("train.gradient_accumulation", "accumulation-not-divisible", message, help);
  }
}

function checkCapabilities(context: CheckContext, train: Written, { name, capabilities }: Backend): void {
  const unsupported = (path: string, what: string, help: string) =>
    context.error(path, "backend-unsupported", `${name} does not support ${what}`, help);
  if (!capabilities.schedules.includes(train.schedule)) {
    unsupported("train.schedule", `schedule: ${train.schedule}`, `use one of ${capabilities.schedules.join(", ")}`);
  }
  const metric = selectionMetric(train.keep);
  const choices = [
    ...capabilities.best.map((best) => `{best: ${best}}`),
    ...(capabilities.averages ? ["{average: K}"] : []),
    "last",
  ].join(" or ");
  if (metric !== undefined && !capabilities.best.includes(metric)) {
    unsupported("train.keep.best", `keep: {best: ${metric}}`, `use keep: ${choices}`);
  }
  const averaged = averagedEpochs(train.keep);
  if (averaged !== undefined && !capabilities.averages) {
    unsupported("train.keep.average:", "averages of weights", `use keep: ${choices}`);
  }
  if (averaged !== undefined && averaged > train.epochs) {
    const message = `train.keep: {average: ${averaged}} needs ${averaged} epochs, and train.epochs is ${train.epochs}`;
    context.error("train.keep.average", "out-of-range", message, "lower average, or raise train.epochs");
  }
  if (train.early_stopping !== undefined && !capabilities.earlyStopping) {
    unsupported("train.early_stopping:", "early stopping", "remove the key");
  }
  if (train.samples !== undefined && !capabilities.samples) {
    unsupported("train.samples:", "samples during the training", "remove the key");
  }
  const optional = (
    key: "sample_weights" | "suspects" | "neftune_alpha",
    capability: keyof Capabilities,
    what: string,
  ): void => {
    if (!train[key] || capabilities[capability] === true) return;
    const able = [...backends].filter((other) => other.capabilities[capability] === true);
    const choices = able.map((other) => `train.backend: ${other.name}`).join(" or ");
    unsupported(`train.${key}:`, what, able.length === 0 ? "remove the key" : `use ${choices}`);
  };
  optional("sample_weights", "sampleWeights", "weights of training rows");
  optional("suspects", "sampleWeights", "weights of training rows");
  optional("neftune_alpha", "embeddingNoise", "noise on embeddings");
  for (const reporter of train.report_to.filter((one) => !capabilities.reporters.includes(one))) {
    const help = `use report_to: [${capabilities.reporters.join(", ")}]`;
    unsupported("train.report_to", `report_to: [${reporter}]`, help);
  }
}

function checkValidation(context: CheckContext, train: Written, hasValidation: boolean): void {
  if (hasValidation) return;
  const help = "add data.validation, such as {fraction: 0.1}";
  if (selectionMetric(train.keep) !== undefined) {
    context.error("train.keep", "needs-validation", "train.keep: {best: …} needs validation rows", help);
  }
  if (train.early_stopping !== undefined) {
    context.error("train.early_stopping:", "needs-validation", "train.early_stopping needs validation rows", help);
  }
  if (train.samples !== undefined) {
    context.error("train.samples:", "needs-validation", "train.samples needs validation rows", help);
  }
}

function checkOverrides(context: CheckContext, train: Written, { overrides, reserved }: Capabilities): void {
  for (const key of Object.keys(dottedKeys(train.overrides))) {
    if (isListed(key, overrides)) continue;
    const path = `train.overrides.${key}:`;
    const section = key.split(".")[0] as string;
    const instead = [key, section]
      .map((name) => (Object.hasOwn(reserved, name) ? reserved[name] : undefined))
      .find(Boolean);
    if (instead !== undefined) {
      context.error(path, "decided-override", `overrides cannot set ${key}: ${instead} sets it`, `use ${instead}`);
    } else {
      const help = suggestion(key, overrides, "keys");
      context.error(path, "unknown-key", `${train.backend} has no key "${key}" to override`, help);
    }
  }
}

/** Whether a dotted key is in a list, or in a section of free keys in it: "optim_args.*". */
function isListed(key: string, keys: readonly string[]): boolean {
  const parts = key.split(".");
  return keys.includes(key) || parts.some((_, at) => at > 0 && keys.includes(`${parts.slice(0, at).join(".")}.*`));
}
