import { describe, expect, it } from "vitest";
import type { Measurement, Work } from "../../plugins/measurement.ts";
import { fromMeasurements } from "./measured.ts";

const work: Work = {
  ...{ kind: "train", machine: "a CPU, 2 cores", program: "torchtune", method: "lora", precision: "fp32" },
  ...{ parameters: 135e6, batch: 8, length: 512, characters: 1e6 },
};
const measured = (more: Partial<Measurement> = {}): Measurement => ({
  ...{ ...work, at: "2026-11-01T00:00:00Z", seconds: 600, memory: 4e9 },
  ...more,
});

describe("fromMeasurements", () => {
  it("estimates a like step within a factor of 1.3, and its memory", () => {
    const found = fromMeasurements({ ...work, characters: 2e6 }, [measured()]);
    expect(found).toMatchObject({ isLike: true, memory: [3.4e9, 5e9] });
    const [low, high] = found?.seconds ?? [0, 0];
    expect([low, high]).toEqual([expect.closeTo(1180 / 1.25), expect.closeTo(1200 * 1.25)]);
  });

  it("scales by the size of the model, with a wider range and without memory", () => {
    const found = fromMeasurements({ ...work, parameters: 270e6 }, [measured()]);
    expect(found).toMatchObject({ isLike: false, memory: undefined });
    expect(found?.seconds[0]).toBeCloseTo(1180 / 2);
    expect(found?.seconds[1]).toBeCloseTo(1200 * 2);
  });

  it("takes the shortest of five recent steps that do the same", () => {
    const of = (...seconds: number[]) =>
      fromMeasurements(
        work,
        seconds.map((one) => measured({ seconds: one })),
      )?.from.seconds;
    expect(of(100, 700, 650, 600, 660, 690)).toBe(600);
    expect(of(700, 650, 600, 660, 690)).toBe(600);
    const more = [measured(), measured({ characters: 2e6, seconds: 900 })];
    expect(fromMeasurements(work, more)?.from.seconds).toBe(600);
  });

  it("leaves out the time in which other programs had the cores of a training", () => {
    const loaded = measured({ seconds: 1800, used: 0.3 });
    const found = fromMeasurements(work, [loaded]);
    expect(found?.isOnIdleCores).toBe(true);
    expect(found?.seconds).toEqual([expect.closeTo(600 / 1.25), expect.closeTo(600 * 1.25)]);
    for (const [used, seconds] of [
      [0.95, 1800],
      [0.3, 59],
    ] as const)
      expect(fromMeasurements(work, [measured({ seconds, used })])).toMatchObject({
        isOnIdleCores: false,
        seconds: [expect.closeTo(seconds / 1.25), expect.closeTo(seconds * 1.25)],
      });
    const answers = { ...loaded, kind: "generate" } as const;
    expect(fromMeasurements({ ...work, kind: "generate" }, [answers])?.isOnIdleCores).toBe(false);
  });

  it("takes the nearest step", () => {
    const other = measured({ parameters: 600e6, seconds: 1 });
    expect(fromMeasurements(work, [measured(), other])?.from.seconds).toBe(600);
    expect(
      fromMeasurements(work, [measured({ characters: 1e4 }), measured({ characters: 9e5, seconds: 5 })])?.from.seconds,
    ).toBe(5);
  });

  it("takes no step of another machine, program, method or precision, and none of a model of another order", () => {
    const others: readonly Partial<Measurement>[] = [
      { machine: "another" },
      { program: "axolotl" },
      { method: "full" },
      { precision: "bf16" },
      { kind: "generate" },
      { parameters: 8e9 },
      { seconds: 0 },
    ];
    expect(fromMeasurements(work, others.map(measured))).toBeUndefined();
  });
});
