import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { liveRuns } from "../runs/live-runs.ts";
import { statusFileReporter } from "./status-file-reporter.ts";

test("the status has the losses and validation losses of a step, its log, and steps that wait", async () => {
  vi.useFakeTimers();
  const artifacts = mkdtempSync(join(tmpdir(), "exp-status-"));
  const reporter = statusFileReporter(artifacts, ["x.yaml"]);
  for (const step of ["train", "generate"]) reporter.event({ type: "step-wait", step, kind: step, for: "2 cores" });
  reporter.event({ type: "step-start", step: "train", kind: "train", log: "train-01234567.log" });
  for (let done = 1; done <= 1000; done++) {
    reporter.event({ type: "progress", step: "train", done, total: 1000, unit: "steps", loss: 1 / done });
    if (done % 100 === 0) reporter.event({ type: "progress", step: "train", done, validation_loss: 2 / done });
  }
  reporter.event({ type: "progress", step: "train", message: "a sample" });
  const error = { code: "x", message: "no rows", log: "/a/artifacts/logs/data-1.log" };
  reporter.event({ type: "step-end", step: "data", status: "failed", seconds: 1, error });
  vi.advanceTimersByTime(1_000);
  const [run] = liveRuns(artifacts);
  const [train, generate] = run?.running ?? [];
  expect(train).toMatchObject({ log: "train-01234567.log" });
  expect(train?.progress).toEqual({
    ...{ done: 1000, total: 1000, unit: "steps", loss: 0.001, validation_loss: 0.002, message: "a sample" },
  });
  expect(train?.loss[0]).toEqual([1, 1]);
  expect(train?.loss.length).toBeGreaterThan(90);
  expect(train?.loss.length).toBeLessThan(200);
  expect(train?.validation.map(([done]) => done)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  expect(generate).toMatchObject({ step: "generate", log: null, loss: [], validation: [] });
  expect(run?.failed).toEqual([{ step: "data", message: "no rows", log: "data-1.log" }]);
  await reporter.close();
  expect(liveRuns(artifacts)).toEqual([]);
  vi.useRealTimers();
  rmSync(artifacts, { recursive: true });
});
