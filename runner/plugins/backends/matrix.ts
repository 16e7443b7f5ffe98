import { type Method, methods } from "./backend.ts";
import { type Device, deviceNames, devices, type Precision } from "./device.ts";
import { backends } from "./registry.ts";

/** One row of the capability matrix: the precisions in which a backend trains by a method on a device; none if it cannot. */
export type Cell = {
  readonly backend: string;
  readonly method: Method;
  readonly device: Device;
  readonly precisions: readonly Precision[];
};

/** Every backend by every method and device, in the order of the registries. */
export function capabilityMatrix(): readonly Cell[] {
  return Object.values(backends).flatMap(({ name, capabilities }) =>
    methods.flatMap((method) =>
      devices.map((device) => ({
        backend: name,
        method,
        device,
        precisions: capabilities.methods[method][device] ?? [],
      })),
    ),
  );
}

/** What a training asks of its backend. */
type Asked = { readonly backend: string; readonly method: Method; readonly precision: Precision | "auto" };

/** What a backend cannot do, at which key of `train`, and what to take instead. */
export type Lack = { readonly key: "method" | "precision"; readonly message: string; readonly help: string };

/** Why a training can run on none of these devices; undefined where it can on one. An alternative is always named. */
export function unsupportedReason({ backend, method, precision }: Asked, on: readonly Device[]): Lack | undefined {
  const all = capabilityMatrix().filter((cell) => cell.precisions.length > 0);
  const own = all.filter((cell) => cell.backend === backend && cell.method === method);
  const here = own.filter(({ device }) => on.includes(device));
  const offered = [...new Set(here.flatMap(({ precisions }) => precisions))];
  if (offered.length > 0 && (precision === "auto" || offered.includes(precision))) return undefined;

  const where = on.length === 1 ? ` on ${deviceNames[on[0] as Device]}` : "";
  const there = all.filter(({ device }) => on.includes(device));
  const elsewhere = there.filter((cell) => cell.method === method && cell.backend !== backend);
  if (offered.length > 0) {
    const others = elsewhere.filter(({ precisions }) => precisions.includes(precision as Precision));
    const message = `${backend} cannot train ${method} in ${precision}${where}`;
    return { key: "precision", message, help: either([choice("precision", offered), backendsOf(others)]) };
  }
  const message = `${backend} cannot train by ${method}${where}`;
  const instead = own.length === 0 ? backends[backend]?.capabilities.instead[method] : undefined;
  const same = there.filter((cell) => cell.backend === backend).map((cell) => cell.method);
  const other = own.length === 0 ? "" : own[0]?.device === "cpu" ? "resources.gpus: 0" : "a machine with a GPU";
  return { key: "method", message, help: instead ?? either([other, backendsOf(elsewhere), choice("method", same)]) };
}

function backendsOf(cells: readonly Cell[]): string {
  return choice(
    "backend",
    cells.map(({ backend }) => backend),
  );
}

/** "method: lora, dora", each value once; empty where there is none. */
function choice(key: string, values: readonly string[]): string {
  return values.length === 0 ? "" : `${key}: ${[...new Set(values)].join(", ")}`;
}

function either(choices: readonly string[]): string {
  const real = choices.filter((one) => one !== "");
  return real.length === 0 ? "no backend can" : `use ${real.join(", or ")}`;
}
