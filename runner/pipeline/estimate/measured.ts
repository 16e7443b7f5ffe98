import type { Measurement, Work } from "../../plugins/measurement.ts";
import type { Range } from "./range.ts";

/** An estimate from a step that has ended on this machine. */
export type Measured = {
  readonly seconds: Range;
  /** Only of a step whose memory is the same by all that is known. Bytes */
  readonly memory: Range | undefined;
  readonly from: Measurement;
  /** Whether only the number of rows or their length differs. */
  readonly isLike: boolean;
  /** Whether other programs took cores from the measured step, and the seconds are those without them. */
  readonly isOnIdleCores: boolean;
};

/** Seconds to start a program and load a model, at most. They do not grow with the rows. */
const longestStart = 20;
/** The time of a like step, and of another one, differs by at most this factor. */
const spread = { like: 1.25, other: 2 };
/** Models that are larger or smaller by a greater factor are not used. */
const widestScale = 20;
/**
 * Share of its cores that a training uses if nothing else runs. Its start uses one core, so that a short training tells
 * nothing. An answering step waits for single tokens, and has no such share.
 */
const idleShare = 0.9;
const longEnough = 60;
/** The least loaded of so many recent steps counts, if their characters differ by at most this factor. */
const recent = 5;
const sameRows = 1.5;
/** Rows that are more or fewer by a larger factor make an estimate as wide as that from another step. */
const widestRows = 10;

/**
 * Estimates a step from the nearest measurement: the same machine, program, method and precision, then the nearest size
 * of model, batch, length and number of characters. Undefined if there is none.
 */
export function fromMeasurements(work: Work, measurements: readonly Measurement[]): Measured | undefined {
  let best: { readonly one: Measurement; readonly distance: number } | undefined;
  for (const one of measurements) {
    const isSame = (["kind", "machine", "program", "method", "precision"] as const).every(
      (key) => one[key] === work[key],
    );
    if (
      !isSame ||
      one.seconds <= 0 ||
      one.characters <= 0 ||
      apart(one.parameters, work.parameters) > Math.log(widestScale)
    )
      continue;
    const distance =
      4 * apart(one.parameters, work.parameters) +
      2 * apart(one.batch, work.batch) +
      apart(one.length, work.length) +
      apart(one.characters, work.characters);
    // Of equally near ones, the newest.
    if (best === undefined || distance <= best.distance) best = { one, distance };
  }
  if (best === undefined) return undefined;
  const one = leastLoaded(best.one, measurements);
  const taken = idleSeconds(one);
  const hasSameMemory = one.parameters === work.parameters && one.batch === work.batch && one.length === work.length;
  const isLike = hasSameMemory && apart(one.characters, work.characters) <= Math.log(widestRows);
  const scale = (work.characters / one.characters) * (work.parameters / one.parameters);
  const start = Math.min(longestStart, taken / 2);
  const ends = [taken * scale, start + (taken - start) * scale];
  const factor = isLike ? spread.like : spread.other;
  return {
    seconds: [Math.min(...ends) / factor, Math.max(...ends) * factor],
    memory: hasSameMemory && one.memory !== null ? [one.memory * 0.85, one.memory * 1.25] : undefined,
    from: one,
    isLike,
    isOnIdleCores: taken < one.seconds,
  };
}

/** Of the recent steps that do the same as a measured one, that with the least time for its characters. */
function leastLoaded(nearest: Measurement, measurements: readonly Measurement[]): Measurement {
  const keys = ["kind", "machine", "program", "method", "precision", "parameters", "batch", "length"] as const;
  const alike = measurements.filter(
    (one) =>
      one.seconds > 0 &&
      keys.every((key) => one[key] === nearest[key]) &&
      apart(one.characters, nearest.characters) <= Math.log(sameRows),
  );
  const rate = (one: Measurement): number => idleSeconds(one) / one.characters;
  return alike.slice(-recent).reduce((least, one) => (rate(one) <= rate(least) ? one : least), nearest);
}

/** Seconds of a step without the time in which other programs had its cores. */
function idleSeconds({ kind, seconds, used }: Measurement): number {
  return kind === "train" && used !== undefined && seconds >= longEnough
    ? seconds * Math.min(1, used / idleShare)
    : seconds;
}

/** The logarithm of the factor between two amounts. */
function apart(a: number, b: number): number {
  return Math.abs(Math.log(Math.max(a, 1) / Math.max(b, 1)));
}
