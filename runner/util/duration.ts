const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a time that a schema accepted: "90m", "1.5h". */
export function secondsOf(time: string): number {
  return Number.parseFloat(time) * (units[time.slice(-1)] as number);
}
