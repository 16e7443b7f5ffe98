import { expect, it } from "vitest";
import { armOfStep, formatStepRef, parseStepRef, stepOfArm } from "./step-ref.ts";

it.each([
  ["train", { stage: "train" }],
  ["train@lora-4b.v2", { stage: "train", experiment: "lora-4b.v2" }],
  ["evaluate.tuned", { stage: "evaluate", arm: "tuned" }],
  ["evaluate.lora-4b.v2.tuned", { stage: "evaluate", arm: "tuned", experiment: "lora-4b.v2" }],
  ["generate.tuned@validation", { stage: "generate", arm: "tuned", split: "validation" }],
  [
    "generate.other.tuned@validation-4bit",
    { stage: "generate", arm: "tuned", experiment: "other", split: "validation-4bit" },
  ],
  ["select.2", { stage: "select", rung: 2 }],
])("reads and writes %s", (text, ref) => {
  expect(parseStepRef(text)).toEqual(ref);
  expect(formatStepRef(ref)).toBe(text);
});

it("names the step of an arm and the arm of a step", () => {
  expect(stepOfArm("evaluate", "other.tuned")).toBe("evaluate.other.tuned");
  expect(armOfStep("evaluate.other.tuned")).toBe("other.tuned");
  expect(armOfStep("generate.tuned@validation")).toBe("tuned");
  expect(() => armOfStep("train@other")).toThrow("no arm");
});
