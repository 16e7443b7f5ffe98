import { expect, test } from "vitest";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { asksNoMore } from "../pipeline/steps/preflight.ts";
import type { Json } from "../util/canonical.ts";
import { circumstances, isCurrent } from "./currency.ts";

const step = (hints: Record<string, Json>, currentFor?: number): PlannedStep =>
  ({ kind: { name: "check", currentFor }, draft: { hints } }) as unknown as PlannedStep;
const created = "2026-01-01T12:00:00.000Z";
const record = (of: PlannedStep): StoreRecord => ({ created, evidence: circumstances(of) }) as unknown as StoreRecord;

test("a result counts for its time, with equal hints, on its machine", () => {
  const check = step({ memory: 1 }, 1000);
  const at = (ms: number): number => Date.parse(created) + ms;
  expect([-1, 0, 999, 1000].map((ms) => isCurrent(check, record(check), at(ms)))).toEqual([false, true, true, false]);
  expect(isCurrent(step({ memory: 2 }, 1000), record(check), at(1))).toBe(false);
  const elsewhere = {
    created,
    evidence: { circumstances: { machine: "other", hints: { memory: 1 } } },
  } as unknown as StoreRecord;
  expect(isCurrent(check, elsewhere, at(1))).toBe(false);
  expect(isCurrent(check, { ...elsewhere, evidence: {} }, at(1))).toBe(false);
});

test("a result of another kind never counts, and has no such evidence", () => {
  const other = step({});
  expect(circumstances(other)).toEqual({});
  expect(isCurrent(other, record(other), Date.parse(created))).toBe(false);
});

test("hints of preflight may ask for less, and not for more or for something else", () => {
  const hints = (memory: Json, disk: number) => ({
    precisions: { train: "bf16" },
    expects: { train: { memory } },
    disk,
  });
  const covers = (now: Json): boolean => asksNoMore(hints([1, 5], 9), now);
  expect([hints([1, 5], 9), hints([4, 5], 8), hints([6, 5], 0)].map(covers)).toEqual([true, true, true]);
  expect([hints([1, 6], 9), hints([1, 5], 10), hints(null, 9)].map(covers)).toEqual([false, false, false]);
  expect(covers({ ...hints([1, 5], 9), upload: { repo: "a/b" } })).toBe(false);
  expect(covers({ ...hints([1, 5], 9), precisions: { train: "fp32" } })).toBe(false);
});
