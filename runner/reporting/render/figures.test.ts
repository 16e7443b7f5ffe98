import { expect, it, vi } from "vitest";
import { frequency } from "../figures/frequency.ts";
import { reportOf } from "../report/report.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { fixtureStudy, twoModelStudy } from "../test-rig.ts";
import { renderFigures } from "./figures.ts";

it("a figure with control characters in a label is XML", async () => {
  const { figure } = await renderFigures({
    figure: {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      data: { values: [{ label: "cy\u0001st", cases: 2 }] },
      mark: "bar",
      encoding: { y: { field: "label", type: "nominal" }, x: { field: "cases", type: "quantitative" } },
    },
  });
  expect(figure?.svg).toContain("cy\u{FFFD}st");
  expect(figure?.svg).not.toContain("\u0001");
});

it("no figure has a warning, which would be printed on the terminal", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  for (const study of [fixtureStudy(), twoModelStudy()]) await renderFigures(reportOf(study).figures);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

it("the figure of training frequency has the counts of the analysis and the F1 of the table of labels", () => {
  const study = fixtureStudy();
  const run = study.runs.find(({ analysis }) => analysis !== undefined) as RunFacts;
  const { data } = frequency({ ...study, runs: [run] } as Study) as unknown as { data: { values: object[] } };
  const [tuned] = run.arms.filter(({ name }) => name === "tuned");
  const counts = new Map(run.analysis?.arms.tuned?.trained.map(({ label, count }) => [label, count]));
  const shown = tuned?.labels.filter(({ support }) => support > 0) ?? [];
  expect(shown.length).toBeGreaterThan(0);
  expect(counts.size).toBeGreaterThan(0);
  expect(data.values).toEqual(
    expect.arrayContaining(
      shown.map(({ label, support, f1 }) =>
        expect.objectContaining({ rows: (counts.get(label) ?? 0) + 1, support, f1 }),
      ),
    ),
  );
});
