/** How numbers are printed, in reports, workbooks, pages and on the terminal alike. */
import type { Bounds, Estimate, MaybeBounds } from "./bounds.ts";

/** A cell without a value. */
export const missing = "–";

/** A number with fixed decimals and, if it is negative, a minus sign: "0.774", "−0.020". */
export const decimal = (value: number, decimals: number): string =>
  `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(decimals)}`;

/** A number with up to so many significant digits: "0.774", "−3", "1e-7". */
export const significant = (value: number, digits: number): string =>
  `${value < 0 ? "−" : ""}${Number(Math.abs(value).toPrecision(digits))}`;

/** A score with three decimals: "0.774", "−0.020". */
export const score = (value: number | null | undefined): string =>
  value === null || value === undefined ? missing : decimal(value, 3);

/** The bounds of an interval: "[0.731, 0.815]". */
export const interval = ({ low, high }: Bounds): string => `[${score(low)}, ${score(high)}]`;

/** A score and its interval: "0.774 [0.731, 0.815]"; the score alone if it has no interval. */
export function withInterval(of: Estimate | undefined): string {
  if (of?.low === undefined || of.high === undefined) return score(of?.value);
  return `${score(of.value)} ${interval({ low: of.low, high: of.high })}`;
}

/** A difference with its sign: "+0.179", "−0.020". */
export const signed = (value: number): string => `${value < 0 ? "−" : "+"}${score(Math.abs(value))}`;

/** A difference and its interval: "+0.179 [+0.151, +0.207]"; the difference alone if it has no interval. */
export function signedInterval({ difference, low, high }: MaybeBounds & { readonly difference: number }): string {
  return low === undefined || high === undefined
    ? signed(difference)
    : `${signed(difference)} ${signedBounds({ low, high })}`;
}

/** The bounds of a difference: "[+0.151, +0.207]"; missing if there is no interval. */
export const signedBounds = ({ low, high }: MaybeBounds): string =>
  low === undefined || high === undefined ? missing : `[${signed(low)}, ${signed(high)}]`;

/** A p-value in a table: "0.034", "< 0.001". */
export function pValue(p: number | null | undefined): string {
  if (p === null || p === undefined) return missing;
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

/** A p-value in a sentence: "p = 0.034", "p < 0.001". */
export const pEquals = (p: number): string => (p < 0.001 ? `p ${pValue(p)}` : `p = ${pValue(p)}`);

/** A whole number with separators: "1,236". `toLocaleString` would load the locale data, which costs 30 ms. */
export const integer = (value: number): string => String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ",");

/** A share of 1 as a percentage: "12.5 %". */
export const percent = (share: number, decimals = 1): string => `${(100 * share).toFixed(decimals)} %`;

/** "1 step", "3 steps", "1,236 cases" */
export function plural(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Names for one line, of which it shows the first: "train, merge, 1,997 more". */
export function firstNames(names: readonly string[], shown = 5): string {
  const more = names.length - shown;
  return [...names.slice(0, shown), ...(more > 0 ? [`${integer(more)} more`] : [])].join(", ");
}

/** A duration on the terminal: "0.3s", "42s", "2m10s", "1h05m". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const twoDigits = (number: number): string => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m${twoDigits(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
}

/** A duration in a report, in one unit: "8.2 s", "14.5 min", "1.6 h". */
export function reportDuration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Measured bytes: "8.2 GB", "< 0.1 GB"; missing if nothing was measured. */
export function gigabytes(bytes: number): string {
  if (bytes === 0) return missing;
  return bytes < 5e7 ? "< 0.1 GB" : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** An estimate in bytes: "0.6 to 2.1 GB", "8.0 GB". */
export function gigabyteRange([low, high]: readonly [number, number]): string {
  const text = (bytes: number): string => (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);
  return text(low) === text(high) ? `${text(low)} GB` : `${text(low)} to ${text(high)} GB`;
}

/** Progress in units: "118/264 steps", "1.2/3.1 GB", "118 steps". */
export function amount(done: number, total: number | undefined, unit: string | undefined): string {
  if (unit === "bytes") {
    const [scale, name] = byteScale(total ?? done);
    const parts = total === undefined ? [done] : [done, total];
    return `${parts.map((bytes) => (bytes / scale).toFixed(scale < 1e9 ? 0 : 1)).join("/")} ${name}`;
  }
  const count = total === undefined ? `${done}` : `${done}/${total}`;
  return unit === undefined ? count : `${count} ${unit}`;
}

function byteScale(bytes: number): [number, string] {
  if (bytes >= 1e9) return [1e9, "GB"];
  if (bytes >= 1e6) return [1e6, "MB"];
  return bytes >= 1e3 ? [1e3, "kB"] : [1, "B"];
}
