import type { ReportExtras } from "../reporting/render/html/page.ts";
import type { Case } from "../reporting/report/cases.ts";
import type { Report } from "../reporting/report/document.ts";
import type { RunRow } from "../runs/run-row.ts";

const labels = Array.from({ length: 200 }, (_, index) => `finding number ${index}`);

/** A report without sections and with `count` cases of 125 words and three arms, for tests of the case explorer. */
export function largeReport(count: number): [Report, Record<string, never>, ReportExtras] {
  const label = (number: number): string => labels[number % labels.length] as string;
  const cases = Array.from({ length: count }, (_, index): Case => {
    const gold = [label(index), label(index * 7 + 1)];
    const words = Array.from({ length: 118 }, (_, at) => `word${(index * 31 + at * 17) % 4001}`).join(" ");
    const answers = [0, 1, 2].map((arm) => {
      if ((index + arm) % 3 === 0) return { right: gold, missed: [], added: [], categories: [], text: gold.join(", ") };
      const [right = "", missed = ""] = gold;
      const added = label(index * 3 + arm);
      return { right: [right], missed: [missed], added: [added], categories: [arm % 2], text: `${right}, ${added}` };
    });
    return { id: `c-${index}`, input: `This is case ${index} of all; ${words}.`, gold, answers };
  });
  const row = (experiment: string, value: number): RunRow => ({
    ...{
      experiment,
      run: "0a1b2c3d",
      coordinates: "",
      created: "2026-01-01T00:00:00Z",
      metric: "micro_f1",
      view: "canonical",
    },
    scores: [{ arm: "tuned", name: "LoRA", value, interval: null }],
    ...{ seconds: 1, memory: 1e9, price: null, marks: [] },
  });
  const report: Report = {
    title: "Many cases",
    authors: "Nobody",
    date: "2026-01-01",
    abstract: [],
    warning: "",
    blocks: [],
    figures: {},
  };
  const categories = ["omission", "addition"].map((name) => ({ name, definition: `What ${name} means` }));
  return [
    report,
    {},
    {
      rows: [row("better", 0.75), row("worse", 0.5)],
      cases: {
        view: "canonical",
        hasLabels: true,
        arms: ["tuned", "zero-shot", "nearest"],
        categories,
        cases,
        notes: [],
      },
    },
  ];
}
