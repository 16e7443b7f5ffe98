import { amount, duration } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { cut, oneLine, textWidth } from "./text-width.ts";

/** Share that is done, 0 to 1; undefined while the total is unknown. */
export function share({ done, total }: Progress): number | undefined {
  if (done === undefined || total === undefined || total <= 0) return undefined;
  return Math.min(1, Math.max(0, done / total));
}

/** Parts of a progress line, each under the name by which a narrow line leaves it out. */
function parts(progress: Progress) {
  const { done, total, unit, loss, tokens_per_second: rate, seconds_left: left, message } = progress;
  const fraction = share(progress);
  return {
    percent: fraction === undefined ? undefined : `${Math.floor(fraction * 100)}%`,
    count: done === undefined ? undefined : amount(done, total, unit),
    loss: loss === undefined ? undefined : `loss ${loss.toPrecision(3)}`,
    rate: rate === undefined ? undefined : `${Math.round(rate)} tok/s`,
    left: left === undefined || fraction === 1 ? undefined : `${duration(left)} left`,
    message: message === undefined ? undefined : oneLine(message),
  };
}

const order = ["percent", "count", "loss", "rate", "left", "message"] as const;
/** What a narrow line gives up, first to last. */
const expendable = ["message", "count", "rate", "loss", "left", "percent"] as const;

/** All that is known about a step's progress, for a line of a log: "45%  118/264 steps  loss 0.831". */
export function progressText(progress: Progress): string {
  const known = parts(progress);
  return order.flatMap((name) => known[name] ?? []).join("  ");
}

/**
 * A step's name and progress in at most `cells` cells, with a bar where the total is known. What does not fit is left out,
 * least telling first; a name takes at most half of a narrow line.
 */
export function progressRow(name: string, progress: Progress, cells: number, glyphs: Glyphs): string {
  const known = parts(progress);
  const fraction = share(progress);
  const title = cut(name, Math.max(8, Math.floor(cells / 2)));
  const leave = new Set<string>();
  const tail = () => order.flatMap((part) => (leave.has(part) ? [] : (known[part] ?? [])));
  const width = (texts: readonly string[]) => textWidth(texts.join("  "));
  const bar = fraction === undefined ? [] : [" ".repeat(shortestBar)];
  const message = known.message;
  if (message !== undefined) {
    const { message: _, ...rest } = known;
    const room = cells - width([title, ...bar, ...Object.values(rest).flatMap((text) => text ?? [])]) - 2;
    if (room >= 12) known.message = cut(message, room);
  }
  for (const part of expendable) {
    if (width([title, ...bar, ...tail()]) <= cells) break;
    leave.add(part);
  }
  if (fraction === undefined) return [title, ...tail()].join("  ");
  const room = cells - width([title, ...tail()]) - 2;
  if (room < shortestBar) return [title, ...tail()].join("  ");
  return [title, drawBar(fraction, Math.min(room, longestBar), glyphs), ...tail()].join("  ");
}

const shortestBar = 6;
const longestBar = 20;

/** What bars are drawn with. */
export type Glyphs = { readonly full: string; readonly empty: string };

/** For terminals that show Unicode, and for the others. */
export const glyphs = { unicode: { full: "━", empty: "─" }, ascii: { full: "#", empty: "-" } } as const;

function drawBar(fraction: number, cells: number, { full, empty }: Glyphs): string {
  const filled = Math.round(fraction * cells);
  return full.repeat(filled) + empty.repeat(cells - filled);
}
