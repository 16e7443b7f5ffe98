import { expect, it } from "vitest";
import type { RunRow } from "../../../runs/run-row.ts";
import { runsTable } from "./runs-table.ts";

const row = {
  ...{
    experiment: "lora",
    run: "0123abcd",
    coordinates: "",
    metric: "micro_f1",
    view: "basic",
    created: "2026-01-01T00:00",
  },
  ...{ scores: [{ name: "LoRA", value: -0.5, interval: null }], seconds: 3, memory: 0, price: null, marks: [] },
} as unknown as RunRow;

it("memory and price are columns only if a run has them", () => {
  const columns = (rows: readonly RunRow[]): readonly string[] =>
    [...runsTable(rows).text.matchAll(/<th scope="col"[^>]*>([^<]*)</g)].map(([, name]) => name as string);
  expect(columns([row])).not.toEqual(expect.arrayContaining([expect.stringMatching(/memory|price/)]));
  expect(columns([row, { ...row, memory: 2e9, price: 1.5 }])).toEqual(expect.arrayContaining(["memory", "price"]));
  const cells = [...runsTable([row]).text.matchAll(/<t[dh](?=[ >])(?![^>]*scope="col")/g)];
  expect(cells).toHaveLength(columns([row]).length);
});
