import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Joules that counters told of while a step ran; what no counter tells is absent, never guessed. */
export type Energy = { readonly gpu?: number; readonly processors?: number };

/** Counters of some GPUs in millijoules by UUID; a GPU that does not tell is not in it. */
export type GpuCounters = (uuids: readonly string[]) => Promise<Readonly<Record<string, number>>>;

/** A measurement that is going on. */
export type Measuring = { end(): Promise<Energy> };

/** Processor counters begin anew after some hundred kilojoules, which a server takes in minutes. */
const pace = 20_000;

/**
 * Measures what steps take by the machine's own counters: NVML's of the GPUs that a step has for itself, RAPL's of the processor
 * packages. The latter count whatever the machine does, so that of steps side by side none is told.
 */
export class EnergyMeter {
  readonly #powercap: string;
  readonly #running = new Set<{ alone: boolean }>();

  /** `powercap` is the kernel's folder of power zones: /sys/class/powercap. */
  constructor(powercap: string) {
    this.#powercap = powercap;
  }

  /** Begins; `gpus` are the UUIDs of the GPUs that nobody shares with the step. */
  async begin(gpus: readonly string[], counters: GpuCounters): Promise<Measuring> {
    const own = { alone: this.#running.size === 0 };
    for (const other of this.#running) other.alone = false;
    this.#running.add(own);
    const before = await counters(gpus);
    const processors = new Processors(this.#powercap);
    const timer = setInterval(() => processors.read(), pace);
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

/** The processor packages' counters, added up from reading to reading. */
class Processors {
  readonly #zones: readonly Zone[];
  #microjoules = 0;

  constructor(powercap: string) {
    this.#zones = zonesIn(powercap);
  }

  /** Joules since the first reading; undefined where a package does not tell, or there is none. */
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

/** Packages as a whole: zones within them would be counted twice. */
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

/** A number in a file; NaN where it may not be read, as for all but root on many systems. */
function numberIn(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch {
    return Number.NaN;
  }
}
