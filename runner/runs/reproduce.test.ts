import { describe, expect, test } from "vitest";
import type { FinishedRun } from "./finished-runs.ts";
import type { Manifest } from "./manifest.ts";
import { compareRepetition } from "./reproduce.ts";

type Ends = { readonly low: number; readonly high: number };

/** A run with one metric. `bytes` names its scoring, which a program outside the process made. */
function finished(value: number, ends: Ends | undefined, bytes: string): FinishedRun {
  const intervals = ends === undefined ? {} : { micro_f1: { ...ends, method: "percentile" } };
  const manifest = {
    ...{ experiment: "study", run: "12345678", provenance: { sources: {}, locks: {}, packages: {}, hardware: null } },
    config: { evaluate: { primary: { metric: "micro_f1", view: "raw" } } },
    steps: {
      "evaluate.tuned": {
        ...{ kind: "evaluate", key: bytes, evidence: { deterministic: false } },
        files: { "metrics.json": { sha256: bytes, size: 1 } },
      },
    },
    arms: { tuned: { raw: { micro_f1: value } } },
    intervals: { tuned: { raw: intervals } },
  };
  return { path: "/none/manifest.json", manifest: manifest as unknown as Manifest };
}

const compared = (first: FinishedRun, again: FinishedRun) =>
  compareRepetition(first, again, { artifacts: "/none", record: () => undefined });

describe("a repetition with another score", () => {
  const again = finished(0.5, { low: 0.4, high: 0.6 }, "b");

  test("is tolerated if each score is within the interval of the other run", () => {
    expect(compared(finished(0.52, { low: 0.45, high: 0.6 }, "a"), again)).toMatchObject({
      reproduced: true,
      metrics: [{ was: 0.52, is: 0.5, within: true, forged: false }],
    });
  });

  test("is not tolerated because of an interval that the first run states", () => {
    const wide = compared(finished(0.99, { low: 0, high: 1 }, "a"), again);
    expect(wide).toMatchObject({ reproduced: false, metrics: [{ low: 0, high: 1, within: false }] });
  });

  test("is not tolerated if the first run states no interval", () => {
    expect(compared(finished(0.99, undefined, "a"), again)).toMatchObject({
      reproduced: false,
      metrics: [{ is: 0.5 }],
    });
  });

  test("is no repetition if the files of both runs are equal", () => {
    const forged = compared(finished(0.51, { low: 0.4, high: 0.6 }, "b"), again);
    expect(forged).toMatchObject({ reproduced: false, metrics: [{ forged: true }] });
  });
});
