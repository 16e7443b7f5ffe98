import { expect, it } from "vitest";
import type { Study } from "../report/study.ts";
import { fixtureStudy } from "../test-rig.ts";
import { learningCurvesOf } from "./learning-curves.ts";

const runs = (curve: object): Study["runs"] => {
  const run = fixtureStudy().runs.at(-1);
  return [{ ...run, curves: { train: curve } }] as unknown as Study["runs"];
};

it("has the losses, the scores of validations and the steps of an epoch", () => {
  const loss = Array.from({ length: 1000 }, (_, at) => ({ step: at + 1, epoch: 1, loss: 1000 - at }));
  const validation = [
    { step: 500, epoch: 1, loss: 2, micro_f1: 0.25, note: "text", none: Number.NaN },
    JSON.parse('{"step": 1000, "epoch": 2, "loss": 1.5, "micro_f1": 0.5, "__proto__": 1}'),
  ];
  const curves = learningCurvesOf(runs({ parameters: {}, loss, validation, steps: 1000, epochs: 2 }));
  expect(curves?.names).toMatchObject({ loss: "loss (nats per token)", micro_f1: "micro-F1" });
  const [one] = curves?.curves ?? [];
  expect(one?.stepsPerEpoch).toBe(500);
  expect(one?.training.length).toBe(200);
  expect(one?.validation).toMatchObject({
    ...{
      loss: [
        [500, 2],
        [1000, 1.5],
      ],
      micro_f1: [
        [500, 0.25],
        [1000, 0.5],
      ],
    },
  });
  expect(one?.validation).not.toHaveProperty("note");
});

it("has nothing for runs without a training", () => {
  const run = fixtureStudy().runs.at(-1);
  expect(learningCurvesOf([{ ...run, curves: {} }] as unknown as Study["runs"])).toBeUndefined();
});
