import type { Event } from "../execution/event.ts";
import { styles } from "./styles.ts";
import { printable } from "./text-width.ts";

/** The error of a failed step. */
export type StepError = NonNullable<Extract<Event, { type: "step-end" }>["error"]>;

/** The message, help, last log lines and log path of a failed step. */
export function failureText(step: string, error: StepError, color: boolean): string {
  const { red, dim, bold } = styles(color);
  const lines = [`${red(bold(`${step} failed`))}: ${error.message} [${error.code}]`];
  if (error.help !== undefined) lines.push(`  help: ${error.help}`);
  if (error.tail !== undefined && error.tail.length > 0) {
    lines.push(...error.tail.map((line) => dim(`  | ${printable(line)}`)));
  }
  if (error.log !== undefined) lines.push(`  log: ${error.log}`);
  return lines.map((line) => `${line}\n`).join("");
}
