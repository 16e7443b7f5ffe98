/** The data of figures, against the tables of the report that they belong to. */
import { expect, it } from "vitest";
import { integer, percent, reportDuration, score, withInterval } from "../../util/format.ts";
import type { Block, Report } from "../report/document.ts";
import { reportOf } from "../report/report.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { fixtureStudy, twoModelStudy } from "../test-rig.ts";
import { armSeconds, costQuality, frontier } from "./cost-quality.ts";

type Data = readonly Readonly<Record<string, unknown>>[];

const trained = fixtureStudy().runs.at(-1) as RunFacts;
const report = reportOf({ runs: [trained], notes: {} });

/** All rows of data of a figure, its layers included. */
function dataOf({ figures }: Report, id: string): Data {
  const spec = figures[id] as { data?: { values: Data }; layer?: readonly { data?: { values: Data } }[] };
  const own = [spec?.data, ...(spec?.layer ?? []).map(({ data }) => data)];
  return own.flatMap((data) => data?.values ?? []);
}

function tableOf({ blocks }: Report, id: string): Extract<Block, { type: "table" }> {
  return blocks.find((block) => block.type === "table" && block.id === id) as Extract<Block, { type: "table" }>;
}

it("every figure has a section that shows it, and an alternative text", () => {
  for (const study of [fixtureStudy(), twoModelStudy()]) {
    const { blocks, figures } = reportOf(study);
    const shown = blocks.flatMap((block) => (block.type === "figure" ? [block] : []));
    expect(shown.map(({ id }) => id).sort()).toEqual(Object.keys(figures).sort());
    for (const { alt, caption } of shown) expect([alt, caption]).not.toContain("");
  }
});

it("the text refers to every table and figure, and to none that the report lacks", () => {
  for (const study of [fixtureStudy(), twoModelStudy(), { runs: [trained], notes: {} }]) {
    const { blocks } = reportOf(study);
    const ids = blocks.flatMap((block) => ("id" in block ? [block.id] : []));
    const named = blocks
      .flatMap((block) => (block.type === "paragraph" ? block.spans : block.type === "list" ? block.items.flat() : []))
      .flatMap((span) => (typeof span === "object" && "ref" in span ? [span.ref] : []));
    expect([...new Set(named)].sort()).toEqual(ids.toSorted());
  }
});

it("the figure of training frequency has a panel for each fine-tuned model", () => {
  const study = twoModelStudy();
  const panels = new Set(dataOf(reportOf(study), "frequency").map(({ arm }) => arm));
  expect([...panels]).toEqual(expect.arrayContaining(["Qwen3-8B, QLoRA", "Qwen3-4B, QLoRA"]));
});

it("the figure of arms has the scores and intervals of the table of results", () => {
  const { head, rows } = tableOf(report, "results");
  const values = dataOf(report, "intervals").map(({ name, value, low, high }) => [
    name,
    withInterval({ value: value as number, low: low as number, high: high as number }),
  ]);
  expect(values).toEqual(rows.map((row) => [row[0], row[head.indexOf("micro-F1")]]));
});

it("the matrix of confusions has no row and no column without cases", () => {
  const study = structuredClone({ runs: [trained], notes: {} }) as Study;
  const own = {
    omitted: ["a", "b"],
    added: ["c", "d"],
    counts: [
      [0, 0],
      [2, 0],
    ],
  };
  Object.assign(study.runs[0]?.analysis?.arms.tuned?.confusions ?? {}, own);
  const drawn = reportOf(study);
  expect(dataOf(drawn, "confusions")).toEqual([{ omitted: "b", added: "c", count: 2 }]);
  expect(JSON.stringify(drawn.figures.confusions)).not.toMatch(/"(a|d)"/);
});

it("the matrix of confusions has the counts of the analysis", () => {
  const { omitted, added, counts } = trained.analysis?.arms.tuned?.confusions ?? { omitted: [], added: [], counts: [] };
  expect(dataOf(report, "confusions")).toEqual(
    omitted.flatMap((one, row) => added.map((other, at) => ({ omitted: one, added: other, count: counts[row]?.[at] }))),
  );
});

it("the coverage-risk curve has the rows of its table, and the reliability diagram the bins of the analysis", () => {
  const [fixture] = trained.analysis?.arms.tuned?.calibration?.per_token.coverage_risk.points ?? [];
  const points = [fixture, { ...fixture, coverage: 1, cases: 8, risk: 0.75 }];
  const study = structuredClone({ runs: [trained], notes: {} }) as Study;
  const calibration = study.runs[0]?.analysis?.arms.tuned?.calibration;
  Object.assign(calibration?.per_token.coverage_risk ?? {}, { points });
  const curved = reportOf(study);
  const { head, rows } = tableOf(curved, "coverage-risk");
  const stated = dataOf(curved, "coverage-risk-curve").map(({ coverage, cases, risk, low, high }) => [
    percent(coverage as number, 0),
    integer(cases as number),
    withInterval({ value: risk as number, low: low as number, high: high as number }),
  ]);
  const columns = ["coverage", "answers", "risk"].map((name) => head.indexOf(name));
  expect(stated).toEqual(rows.map((row) => columns.map((at) => row[at])));
  expect(stated).toHaveLength(2);
  expect(dataOf(curved, "reliability").filter(({ cases }) => cases !== undefined)).toEqual(calibration?.per_token.bins);
});

it("validation points of the loss are those of the trainer, and end at the last training step", () => {
  const { loss, validation } = trained.curves.train ?? { loss: [], validation: [] };
  const data = dataOf(report, "loss");
  expect(
    data.filter(({ split }) => split === "validation").map(({ step, loss: own }) => ({ step, loss: own })),
  ).toEqual(validation);
  expect(data.filter(({ split }) => split === "training").at(-1)?.step).toBe(loss.at(-1)?.step);
});

it("the figure of strata has the F1 of the table of strata", () => {
  const two = reportOf(twoModelStudy());
  const { head, rows } = tableOf(two, "strata-labels");
  const own = rows.map((row) => row[head.findIndex((name) => (name as string).startsWith("F1"))] as string);
  for (const cell of own) expect(cell).toMatch(/^0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]$/);
  expect(
    dataOf(two, "gains")
      .filter(({ model }) => model === "Qwen3-8B")
      .map(({ to }) => score(to as number)),
  ).toEqual(own.map((cell) => cell.split(" ")[0]));
});

it("the figure of a sweep has the settings of its table", () => {
  const id = `sweep-${trained.run}`;
  const { head, rows } = tableOf(report, `ablation-${trained.run}`);
  const at = head.findIndex((name) => name.startsWith("micro-F1 (basic, validation)"));
  const stated = dataOf(report, id).map(({ x, value, low, high }) => [
    x,
    withInterval({ value: value as number, ...(low === high ? {} : { low: low as number, high: high as number }) }),
  ]);
  expect(stated).toEqual(rows.map((row) => [row[0], row[at]]));
});

it("cost and quality have the time and the metric of their tables: for each run, or for each arm of one run", () => {
  const both = fixtureStudy().runs.map((run) => ({ ...run, comparison: trained.comparison as never }));
  const several = reportOf({ runs: both, notes: {} });
  const { rows, head } = tableOf(several, "cost");
  const unit = 60;
  expect(
    dataOf(several, "cost-quality").map(({ name, time }) => [name, reportDuration((time as number) * unit)]),
  ).toEqual(rows.map((row) => [row[0], row[head.indexOf("all steps")]]));
  const steps = {
    ...trained.steps,
    "generate.zero_shot": { ...trained.steps["generate.tuned"], seconds: 30 } as never,
  };
  const values = (costQuality({ runs: [{ ...trained, steps }], notes: {} }) as { data: { values: Data } }).data.values;
  expect(values).toMatchObject([
    { name: "zero-shot", time: 0.5, value: trained.comparison?.arms.zero_shot?.micro_f1?.value },
    { name: "QLoRA", time: (870 + 60) / 60, value: trained.comparison?.arms.tuned?.micro_f1?.value },
  ]);
  expect(armSeconds({ steps }, "most_frequent")).toBeUndefined();
});

it("the frontier leaves out points that another one beats in time and metric", () => {
  const point = (name: string, seconds: number, value: number) => ({ name, seconds, value, low: value, high: value });
  const points = [point("slow", 9, 0.7), point("best", 5, 0.8), point("fast", 1, 0.5), point("even", 7, 0.8)];
  const names = (better: (a: number, b: number) => boolean) => frontier(points, better).map(({ name }) => name);
  expect(names((a, b) => a > b)).toEqual(["fast", "best"]);
  expect(names((a, b) => a < b)).toEqual(["fast"]);
});
