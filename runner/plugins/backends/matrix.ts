import { type Device, deviceNames, devices, type Precision } from "./device.ts";
import { type Method, methods } from "./methods.ts";
import { backends } from "./registry.ts";

/** One cell of the capability matrix: the precisions in which a backend trains by a method on a device; empty if it cannot. */
export type Cell = {
  readonly backend: string;
  readonly method: Method;
  readonly device: Device;
  readonly precisions: readonly Precision[];
};

/** Every registered backend by every method and device. */
export function capabilityMatrix(): readonly Cell[] {
  return [...backends].flatMap(({ name, capabilities }) =>
    methods.flatMap((method) =>
      devices.map((device) => ({
        backend: name,
        method,
        device,
        precisions: capabilities.methods[method]?.[device] ?? [],
      })),
    ),
  );
}

/** The keys of `train` that decide whether a backend supports a training. */
type TrainingRequest = {
  readonly backend: string;
  readonly method: Method;
  readonly precision: Precision | "auto";
};

/** What a backend does not support, the key of `train` that requires it, and the alternatives. */
export type UnsupportedTraining = {
  readonly key: "method" | "precision";
  readonly message: string;
  readonly help: string;
};

/** Why a training can run on none of these devices, with alternatives; undefined if it can run on one of them. */
export function unsupportedReason(
  { backend, method, precision }: TrainingRequest,
  on: readonly Device[],
): UnsupportedTraining | undefined {
  const able = backends.find(backend)?.capabilities.methods[method];
  if (on.some((name) => isIn(precision, able?.[name]))) return undefined;
  const all = capabilityMatrix().filter((cell) => cell.precisions.length > 0);
  const own = all.filter((cell) => cell.backend === backend && cell.method === method);
  const here = own.filter(({ device }) => on.includes(device));
  const offered = [...new Set(here.flatMap(({ precisions }) => precisions))];

  const device = on.length === 1 ? ` on ${deviceNames[on[0] as Device]}` : "";
  const there = all.filter((cell) => on.includes(cell.device));
  const elsewhere = there.filter((cell) => cell.method === method && cell.backend !== backend);
  if (offered.length > 0) {
    const others = elsewhere.filter(({ precisions }) => precisions.includes(precision as Precision));
    const message = `${backend} cannot train ${method} in ${precision}${device}`;
    return { key: "precision", message, help: useOneOf([choice("precision", offered), backendsOf(others)]) };
  }
  const message = `${backend} cannot train by ${method}${device}`;
  const instead = own.length === 0 ? backends.find(backend)?.capabilities.instead?.[method] : undefined;
  const same = there.filter((cell) => cell.backend === backend).map((cell) => cell.method);
  const other = own.length === 0 ? "" : own[0]?.device === "cpu" ? "resources.gpus: 0" : "a machine with a GPU";
  return { key: "method", message, help: instead ?? useOneOf([other, backendsOf(elsewhere), choice("method", same)]) };
}

/** Whether a training in this precision is one of those that are supported. */
function isIn(precision: Precision | "auto", supported: readonly Precision[] = []): boolean {
  return precision === "auto" ? supported.length > 0 : supported.includes(precision);
}

function backendsOf(cells: readonly Cell[]): string {
  return choice(
    "backend",
    cells.map(({ backend }) => backend),
  );
}

/** "method: lora, dora" without duplicates; empty if there are no values. */
function choice(key: string, values: readonly string[]): string {
  return values.length === 0 ? "" : `${key}: ${[...new Set(values)].join(", ")}`;
}

function useOneOf(choices: readonly string[]): string {
  const available = choices.filter((one) => one !== "");
  return available.length === 0 ? "no backend supports it" : `use ${available.join(", or ")}`;
}
