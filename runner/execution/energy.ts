import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Joules that counters measured while a step ran. A value without a counter is absent, never estimated. */
export type Energy = { readonly gpu?: number; readonly processors?: number };

/** Energy counters of GPUs in millijoules by UUID. A GPU without a counter is absent. */
export type GpuCounters = (uuids: readonly string[]) => Promise<Readonly<Record<string, number>>>;

/** A running measurement. */
export type Measurement = { end(): Promise<Energy> };

/**
 * Processor counters overflow after some hundred kilojoules, which a server uses in minutes. So they are read this
 * often. ms
 */
const interval = 20_000;

/**
 * Measures the energy of steps with the machine's counters: NVML for the GPUs that a step has alone, RAPL for the
 * processor packages. RAPL counts everything on the machine, so it is not reported for steps that ran at the same time.
 */
export class EnergyMeter {
  readonly #powercap: string;
  readonly #running = new Set<{ alone: boolean }>();

  /** `powercap` is the kernel's folder of power zones: /sys/class/powercap. */
  constructor(powercap: string) {
    this.#powercap = powercap;
  }

  /** Begins a measurement. `gpus` are the UUIDs of the GPUs that the step has alone. */
  async begin(gpus: readonly string[], counters: GpuCounters): Promise<Measurement> {
    const own = { alone: this.#running.size === 0 };
    for (const other of this.#running) other.alone = false;
    this.#running.add(own);
    const before = await counters(gpus);
    const processors = new Processors(this.#powercap);
    const timer = setInterval(() => processors.read(), interval);
    timer.unref();
    return {
      end: async () => {
        clearInterval(timer);
        this.#running.delete(own);
        processors.read();
        const after = await counters(gpus);
        const millijoules = gpus.map((uuid) => (after[uuid] ?? Number.NaN) - (before[uuid] ?? Number.NaN));
        const gpu = millijoules.reduce((sum, one) => sum + one, 0) / 1000;
        return {
          ...(gpus.length > 0 && gpu >= 0 ? { gpu: rounded(gpu) } : {}),
          ...(own.alone && processors.joules !== undefined ? { processors: rounded(processors.joules) } : {}),
        };
      },
    };
  }
}

const rounded = (joules: number): number => Math.round(joules * 10) / 10;

/** The sum of the processor packages' counters over all reads. */
class Processors {
  readonly #zones: readonly Zone[];
  #microjoules = 0;

  constructor(powercap: string) {
    this.#zones = zonesIn(powercap);
  }

  /** Joules since the first read. Undefined without packages, or if one cannot be read. */
  get joules(): number | undefined {
    return this.#zones.length > 0 && Number.isFinite(this.#microjoules) ? this.#microjoules / 1e6 : undefined;
  }

  read(): void {
    for (const zone of this.#zones) {
      const now = numberIn(join(zone.folder, "energy_uj"));
      const taken = now - zone.last;
      this.#microjoules += taken < 0 ? taken + zone.range : taken;
      zone.last = now;
    }
  }
}

type Zone = { readonly folder: string; readonly range: number; last: number };

/** The zones of whole packages. Zones within them would be counted twice. */
function zonesIn(powercap: string): readonly Zone[] {
  try {
    return readdirSync(powercap)
      .filter((name) => /^intel-rapl:\d+$/.test(name))
      .map((name) => join(powercap, name))
      .filter((folder) => readFileSync(join(folder, "name"), "utf8").startsWith("package"))
      .map((folder) => ({
        folder,
        range: numberIn(join(folder, "max_energy_range_uj")),
        last: numberIn(join(folder, "energy_uj")),
      }));
  } catch {
    return [];
  }
}

/** The number in a file. NaN if it cannot be read: many systems let only root read these. */
function numberIn(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch {
    return Number.NaN;
  }
}
