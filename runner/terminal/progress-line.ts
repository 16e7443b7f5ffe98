import { amount, duration } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { cut, oneLine, textWidth } from "./text-width.ts";

/** The completed fraction, 0 to 1; undefined if the total is unknown. */
export function share({ done, total }: Progress): number | undefined {
  if (done === undefined || total === undefined || total <= 0) return undefined;
  return Math.min(1, Math.max(0, done / total));
}

/** The parts of a progress line by name. */
function parts(progress: Progress) {
  const { done, total, unit, loss, validation_loss: validation, message } = progress;
  const { tokens_per_second: rate, seconds_left: left } = progress;
  const fraction = share(progress);
  return {
    percent: fraction === undefined ? undefined : `${Math.floor(fraction * 100)}%`,
    count: done === undefined ? undefined : amount(done, total, unit),
    loss: loss === undefined ? undefined : `loss ${loss.toPrecision(3)}`,
    validation: validation === undefined ? undefined : `validation loss ${validation.toPrecision(3)}`,
    rate: rate === undefined ? undefined : `${Math.round(rate)} tok/s`,
    left: left === undefined || fraction === 1 ? undefined : `${duration(left)} left`,
    message: message === undefined ? undefined : oneLine(message),
  };
}

const order = ["percent", "count", "loss", "validation", "rate", "left", "message"] as const;
/** The order in which a narrow line omits parts. */
const omissionOrder = ["message", "validation", "count", "rate", "loss", "left", "percent"] as const;

/** The full progress of a step for a log line: "45%  118/264 steps  loss 0.831". */
export function progressText(progress: Progress): string {
  const known = parts(progress);
  return order.flatMap((name) => known[name] ?? []).join("  ");
}

/**
 * The name and progress of a step in at most `cells` cells, with a bar if the total is known. Parts that do not fit are omitted in
 * a fixed order. The name takes at most half of a narrow line.
 */
export function progressRow(name: string, progress: Progress, cells: number, glyphs: Glyphs): string {
  const known = parts(progress);
  const fraction = share(progress);
  const title = cut(name, Math.max(8, Math.floor(cells / 2)));
  const omitted = new Set<string>();
  const tail = () => order.flatMap((part) => (omitted.has(part) ? [] : (known[part] ?? [])));
  const width = (texts: readonly string[]) => textWidth(texts.join("  "));
  const bar = fraction === undefined ? [] : [" ".repeat(shortestBar)];
  const message = known.message;
  if (message !== undefined) {
    const { message: _, ...rest } = known;
    const space = cells - width([title, ...bar, ...Object.values(rest).flatMap((text) => text ?? [])]) - 2;
    if (space >= 12) known.message = cut(message, space);
  }
  for (const part of omissionOrder) {
    if (width([title, ...bar, ...tail()]) <= cells) break;
    omitted.add(part);
  }
  if (fraction === undefined) return [title, ...tail()].join("  ");
  const space = cells - width([title, ...tail()]) - 2;
  if (space < shortestBar) return [title, ...tail()].join("  ");
  return [title, drawBar(fraction, Math.min(space, longestBar), glyphs), ...tail()].join("  ");
}

const shortestBar = 6;
const longestBar = 20;

/** The characters of a progress bar. */
export type Glyphs = { readonly full: string; readonly empty: string };

/** Progress bar characters for Unicode terminals and for ASCII terminals. */
export const glyphs = { unicode: { full: "━", empty: "─" }, ascii: { full: "#", empty: "-" } } as const;

function drawBar(fraction: number, cells: number, { full, empty }: Glyphs): string {
  const filled = Math.round(fraction * cells);
  return full.repeat(filled) + empty.repeat(cells - filled);
}
