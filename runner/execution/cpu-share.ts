import { readdirSync, readFileSync } from "node:fs";

/** Ticks of a second in /proc, on every architecture. */
const ticks = 100;
/** Time between two samples, and least time that a share is computed from. ms */
const interval = 5_000;
const shortest = 30_000;

/**
 * CPU seconds of a process group: of its processes, and of their children that have ended. Undefined without /proc.
 */
export function cpuSeconds(group: number, proc = "/proc"): number | undefined {
  try {
    let sum = 0;
    for (const name of readdirSync(proc)) {
      if (!/^\d+$/.test(name)) continue;
      let stat: string;
      try {
        stat = readFileSync(`${proc}/${name}/stat`, "latin1");
      } catch {
        continue;
      }
      // The name in brackets may contain spaces and brackets. State, parent and group follow it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[2]) === group) sum += fields.slice(11, 15).reduce((all, one) => all + Number(one), 0);
    }
    return sum / ticks;
  } catch {
    return undefined;
  }
}

/** Measures which share of its cores a process group uses. Other programs on the machine make it smaller. */
export class CpuShare {
  readonly #cores: number;
  readonly #read: (group: number) => number | undefined;
  readonly #now: () => number;
  #group: number | undefined;
  #first: Sample | undefined;
  #last: Sample | undefined;

  constructor(
    cores: number,
    read: (group: number) => number | undefined = cpuSeconds,
    now: () => number = () => performance.now(),
  ) {
    this.#cores = cores;
    this.#read = read;
    this.#now = now;
  }

  begin(group: number | undefined): void {
    this.#group = group;
    this.#first = this.#last = undefined;
  }

  /** Called often while the group runs; reads at most once in five seconds. */
  sample(): void {
    const at = this.#now();
    if (this.#group === undefined || (this.#last !== undefined && at - this.#last.at < interval)) return;
    const seconds = this.#read(this.#group);
    if (seconds === undefined) return;
    this.#last = { at, seconds };
    this.#first ??= this.#last;
  }

  /** Between the first and the last sample, from 0 to 1; undefined if they are less than half a minute apart. */
  get value(): number | undefined {
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined || last.at - first.at < shortest) return undefined;
    const share = (last.seconds - first.seconds) / (((last.at - first.at) / 1000) * this.#cores);
    return Math.min(1, Math.round(share * 1000) / 1000);
  }
}

type Sample = { readonly at: number; readonly seconds: number };
