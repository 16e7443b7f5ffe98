/** "0.3s", "42s", "2m10s", "1h05m" */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`;
}

/** "0.6 to 2.1 GB", "8.0 GB": of bytes. */
export function gigabytes([low, high]: readonly [number, number]): string {
  const text = (bytes: number): string => (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);
  return text(low) === text(high) ? `${text(low)} GB` : `${text(low)} to ${text(high)} GB`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}

/** "118/264 steps", "1.2/3.1 GB", "118 steps" */
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

/** "1 step", "3 steps" */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
