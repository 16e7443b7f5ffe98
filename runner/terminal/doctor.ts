import type { DoctorReport } from "../setup/doctor.ts";
import { table } from "./table.ts";

/** The report of `exp doctor`: a line for each finding, with its help below it, then what runs, trains and generates here, and which models. */
export function doctorText(
  { findings, runs, methods, engines, families }: DoctorReport,
  screen: { readonly columns: number },
): string {
  const checks = findings.flatMap(({ name, state, found, help }) => [
    [mark(state), name, found],
    ...(help === undefined ? [] : [["", "", help]]),
  ]);
  const trainings = methods.map(({ backend, method, cpu, cuda, here, why }) => [
    ...[backend, method, cpu.join(", ") || "-", cuda.join(", ") || "-"],
    here ?? `no: ${why}`,
  ]);
  return [
    table(checks, screen),
    `What runs here\n${table(
      runs.map(({ what, possible, why }) => answer(possible, what, why)),
      screen,
    )}`,
    `What trains, in which precisions\n${table([["backend", "method", "CPU", "GPU", "here"], ...trainings], screen)}`,
    `What generates here\n${table(
      engines.map(({ engine, here, why }) => answer(here, engine, why)),
      screen,
    )}`,
    `Which models a backend trains and an engine loads\n${familyTable(families, screen)}`,
  ].join("\n");
}

/** The first column, which is the same width in each table. */
const mark = (text: string): string => text.padEnd("missing".length);

const answer = (isPossible: boolean, what: string, why: string): readonly string[] => [
  mark(isPossible ? "yes" : "no"),
  why === "" ? what : `${what}: ${why}`,
];

function familyTable(families: DoctorReport["families"], screen: { readonly columns: number }): string {
  const [first] = families;
  const head = ["models", ...Object.keys(first?.backends ?? {}), ...Object.keys(first?.engines ?? {})];
  const words = { yes: "yes", no: "no", targets: "listed targets" } as const;
  const rows = families.map(({ models, backends, engines }) => [
    models,
    ...[...Object.values(backends), ...Object.values(engines)].map((support) => words[support]),
  ]);
  return table([head, ...rows], screen);
}
