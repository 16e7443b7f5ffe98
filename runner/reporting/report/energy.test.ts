import { expect, test } from "vitest";
import { energyOf } from "../../runs/energy.ts";
import { energyWords } from "./energy.ts";

const step = (energy?: object) => ({ evidence: { peak_memory: 1, ...(energy === undefined ? {} : { energy }) } });

test("energy is the sum of what was told, with its sources and how much of the run it covers", () => {
  const energy = energyOf([
    step({ gpu: 1_000_000, processors: 36_000 }),
    step({ gpu: 267_200 }),
    step(),
    { evidence: {} },
  ]);
  expect(energy).toEqual({ gpu: 1_267_200, processors: 36_000, steps: 2, of: 3 });
  expect(energyWords(energy)).toBe("0.352 kWh GPU (NVML), 10.0 Wh processors (RAPL), in 2 of 3 steps");
});

test("nothing is said where nothing was told", () => {
  expect(energyOf([step(), { evidence: { energy: { gpu: 1 } } }])).toBeUndefined();
  expect(energyWords(undefined)).toBe("–");
});
