import { expect, test } from "vitest";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import { labeller, stepLabels } from "./step-labels.ts";

const step = (id: string): PlannedStep => ({ id }) as PlannedStep;

function plan(runs: readonly (readonly [experiment: string, values: object, steps: readonly PlannedStep[]])[]) {
  const points = new Map<PlannedRun, Pick<DraftedPoint, "values">>();
  for (const [experiment, values, steps] of runs) {
    const named = new Map(steps.map((one) => [one.id, one]));
    points.set(
      { experiment, role: "final", coordinates: "", steps: named },
      { values: values as DraftedPoint["values"] },
    );
  }
  return { runs: [...points.keys()], points };
}

const labelsOf = ({ runs, points }: ReturnType<typeof plan>) =>
  Object.fromEntries([...stepLabels(runs, points)].map(([{ id }, label]) => [id, label]));

test("a step is named by the settings that all of its runs share and others do not", () => {
  const data = step("data");
  const [first, second] = [step("train@0000000a"), step("train@0000000b")];
  const ends = ["1", "2", "3", "4"].map((digit) => step(`evaluate.tuned@0000000${digit}`));
  const sweep = plan(
    [8, 16].flatMap((rank, at) =>
      [1, 2].map((seed, of) => {
        const train = at === 0 ? first : second;
        const steps = [data, train, ends[2 * at + of] as PlannedStep];
        return ["x", { "train.rank": rank, "evaluate.seed": seed, "data.limit": 5 }, steps] as const;
      }),
    ),
  );
  expect(labelsOf(sweep)).toEqual({
    data: "data",
    "train@0000000a": "train (rank=8)",
    "train@0000000b": "train (rank=16)",
    "evaluate.tuned@00000001": "evaluate.tuned (rank=8, seed=1)",
    "evaluate.tuned@00000002": "evaluate.tuned (rank=8, seed=2)",
    "evaluate.tuned@00000003": "evaluate.tuned (rank=16, seed=1)",
    "evaluate.tuned@00000004": "evaluate.tuned (rank=16, seed=2)",
  });
  expect(labeller(stepLabels(sweep.runs, sweep.points))("depends on train@0000000b: adapter")).toBe(
    "depends on train (rank=16): adapter",
  );
});

test("steps of several experiments are named by theirs; a step keeps an id that no setting tells apart", () => {
  const steps = ["train@0000000a", "train@0000000b"].map(step);
  expect(labelsOf(plan(steps.map((one, at) => [`lora-${at}`, {}, [one]])))).toEqual({
    "train@0000000a": "train (lora-0)",
    "train@0000000b": "train (lora-1)",
  });
  expect(labelsOf(plan(steps.map((one) => ["x", { "train.rank": 8 }, [one]])))).toEqual({
    "train@0000000a": "train@0000000a",
    "train@0000000b": "train@0000000b",
  });
});
