import { expect, test } from "vitest";
import { energyOf } from "../../runs/energy.ts";
import { energyText } from "./energy.ts";

const step = (energy?: object) => ({ evidence: { peak_memory: 1, ...(energy === undefined ? {} : { energy }) } });

test("energyOf sums measured steps and counts the others", () => {
  const energy = energyOf([
    step({ gpu: 1_000_000, processors: 36_000 }),
    step({ gpu: 267_200 }),
    step(),
    { evidence: {} },
  ]);
  expect(energy).toEqual({ gpu: 1_267_200, processors: 36_000, steps: 2, of: 3 });
  expect(energyText(energy)).toBe("0.352 kWh GPU (NVML), 10.0 Wh processors (RAPL), in 2 of 3 steps");
});

test("energy is undefined if no step was measured", () => {
  expect(energyOf([step(), { evidence: { energy: { gpu: 1 } } }])).toBeUndefined();
  expect(energyText(undefined)).toBe("–");
});
