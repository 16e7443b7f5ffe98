import type { Experiment } from "../../experiment.ts";

/** Before its time is over, or it is preempted, a job is asked to stop; it needs this long to save. s */
const saving = 60;

/** What a job asks of Slurm: flags of sbatch, and shell lines before exp. Runs that ask the same share an array. */
export type Asked = { readonly flags: readonly string[]; readonly setup: readonly string[] };

/** What the job of a run asks for. `gpus` is what its steps need where the experiment does not say. */
export function askedOf({ resources, train }: Experiment, gpus: number): Asked {
  const { partition, account, qos, gres, extra = [], setup = [] } = resources.slurm ?? {};
  const nodes = train === undefined ? 1 : (resources.slurm?.nodes ?? 1);
  const time = resources.slurm?.time ?? resources.time;
  const wanted = resources.gpus ?? gpus;
  const flag = (name: string, value: string | undefined): readonly string[] =>
    value === undefined ? [] : [`--${name}=${value}`];
  return {
    flags: [
      ...flag("partition", partition),
      ...flag("account", account),
      ...flag("qos", qos),
      ...flag("time", time === undefined ? undefined : String(minutes(time))),
      ...flag("mem", resources.memory === undefined ? undefined : `${mebibytes(resources.memory)}M`),
      ...(gres !== undefined ? flag("gres", gres) : wanted > 0 ? flag("gpus-per-node", String(wanted)) : []),
      // Extra flags come last, so that they have the last word.
      ...[`--nodes=${nodes}`, "--requeue", `--signal=B:TERM@${saving}`, "--open-mode=append"],
      ...extra,
    ],
    setup,
  };
}

/** The last job trains nothing, and answers at most for a sweep's winner: it asks for no GPU unless it may have to. */
export function askedLast(first: Asked, computes: boolean): Asked {
  const flags = first.flags.map((flag) => (flag.startsWith("--nodes=") ? "--nodes=1" : flag));
  return { ...first, flags: computes ? flags : flags.filter((flag) => !/^--(gres|gpus)/.test(flag)) };
}

/** "90m" -> 90; Slurm counts in minutes. */
function minutes(time: string): number {
  const units: Readonly<Record<string, number>> = { s: 1 / 60, m: 1, h: 60, d: 1440 };
  return Math.ceil(Number.parseFloat(time) * (units[time.slice(-1)] as number));
}

function mebibytes(written: string): number {
  const units: Readonly<Record<string, number>> = {
    MB: 1e6,
    GB: 1e9,
    TB: 1e12,
    MiB: 2 ** 20,
    GiB: 2 ** 30,
    TiB: 2 ** 40,
  };
  return Math.ceil((Number.parseFloat(written) * (units[written.replace(/[0-9. ]/g, "")] as number)) / 2 ** 20);
}

/**
 * The script of a job. Its first word is "last", or the number of what array task 0 would be; the second what stands before
 * numbers, if anything. exp takes the shell's place, so that Slurm's signals reach it.
 */
export function script(setup: readonly string[], command: readonly string[]): string {
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return `#!/bin/bash
run=$1
[ "$run" = last ] || run=$2$((run + SLURM_ARRAY_TASK_ID))
${setup.map((line) => `${line}\n`).join("")}exec ${words} "$run"
`;
}

/** Array tasks are numbered below this in one array: most sites allow no more. */
export const arraySize = 1000;

/** "0-3,7%2": numbers as sbatch takes them, with how many may run at once. */
export function arrayOf(numbers: readonly number[], atOnce: number | undefined): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  const texts = ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`));
  return `${texts.join(",")}${atOnce === undefined ? "" : `%${atOnce}`}`;
}
