import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const measurer = fileURLToPath(new URL("measure.py", import.meta.url));
const call = promisify(execFile);

/**
 * Runs one command. Returns {wall, cpu} in seconds, {rss} in MB, and its output. Throws if it fails.
 * @param {readonly string[]} command
 * @param {{cwd: string, env?: Readonly<Record<string, string>>, python: string}} where
 */
export async function measure(command, { cwd, env, python, temp }) {
  const report = join(temp, "taken.json");
  try {
    const { stdout } = await call(python, [measurer, report, ...command], {
      cwd,
      env: { ...process.env, ...env },
      maxBuffer: 1 << 28,
    });
    return { ...JSON.parse(readFileSync(report, "utf8")), stdout };
  } catch (error) {
    const said = `${error.stderr ?? ""}${error.stdout ?? ""}`.trim().slice(-2000);
    throw new Error(`${command.join(" ")}\nin ${cwd}: ${said || error.message}`);
  }
}

/**
 * Measures programs in turn, so that other load affects all of them. A subject is
 * {who, command, cwd, env?, rounds?, before?, after?}: `before` prepares the initial state, `after` receives the output.
 * Returns a row for each subject: {who, wall, cpu, rss}, each a list.
 */
export async function inTurn(subjects, { rounds, ...where }) {
  const rows = subjects.map(({ who, target }) => ({ who, target, wall: [], cpu: [], rss: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      if (round >= (subject.rounds ?? rounds)) continue;
      await subject.before?.();
      const { stdout, ...taken } = await measure(subject.command, { ...where, cwd: subject.cwd, env: subject.env });
      await subject.after?.(stdout);
      for (const [name, value] of Object.entries(taken)) rows[index][name].push(value);
    }
  }
  return rows;
}

export const least = (values) => Math.min(...values);

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
