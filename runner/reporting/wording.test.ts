/** Snapshots of all text that readers see. Other tests assert facts, so that a change of wording changes these files only. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import excel from "exceljs";
import { expect, test } from "vitest";
import type { Event } from "../execution/event.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { RunDiff } from "../runs/diff.ts";
import { ablationText } from "../terminal/ablation.ts";
import { auditText } from "../terminal/audit.ts";
import { comparisonText } from "../terminal/comparison.ts";
import { diffText } from "../terminal/diff.ts";
import { errorAnalysisText } from "../terminal/error-analysis.ts";
import { linesReporter } from "../terminal/lines-reporter.ts";
import { previewText } from "../terminal/preview.ts";
import { glyphs } from "../terminal/progress-line.ts";
import { RunProgress } from "../terminal/run-progress.ts";
import { uploadText } from "../terminal/upload.ts";
import { checklistMarkdown, checklistOf } from "./checklist/checklist.ts";
import type { ChecklistInput } from "./checklist/checklist-item.ts";
import { readmeOf } from "./checklist/readme.ts";
import { comparisonBlocks, diffBlocks } from "./dashboard/comparison-blocks.ts";
import { caseExplorer } from "./render/html/case-explorer.ts";
import { runsTable } from "./render/html/runs-table.ts";
import type { WorkbookArm } from "./render/xlsx/score-sheets.ts";
import { type Workbook, writeWorkbook } from "./render/xlsx/workbook.ts";
import type { Block, Span } from "./report/document.ts";
import { reportOf } from "./report/report.ts";
import { fixtureAblation, fixtureAnalysis, fixtureArmName, fixtureComparison, fixtureStudy } from "./test-rig.ts";

const study = fixtureStudy();
const snapshot = (name: string): string => join(import.meta.dirname, "__snapshots__", name);

const spansText = (spans: readonly Span[]): string =>
  spans
    .map((span) => {
      if (typeof span === "string") return span;
      if ("cite" in span) return `[${span.cite}]`;
      return "ref" in span ? `<${span.ref}>` : Object.values(span).join("");
    })
    .join("");

function blockText(block: Block): string {
  switch (block.type) {
    case "heading":
      return `${"#".repeat(block.level)} ${block.text}`;
    case "paragraph":
      return spansText(block.spans);
    case "list":
      return block.items.map((item) => `- ${spansText(item)}`).join("\n");
    case "table": {
      // The resolved configuration is no prose, and changes with the schema.
      const shown = block.id.startsWith("parameters-") ? [] : block.rows;
      const rows = shown.map((row) => row.map((cell) => (typeof cell === "string" ? cell : spansText(cell))));
      return [`[${block.caption}]`, ...[block.head, ...rows].map((row) => `| ${row.join(" | ")} |`)].join("\n");
    }
    case "figure":
      return `[${block.caption}]\n(${block.alt})`;
    case "code":
      return block.text;
  }
}

test("the report", async () => {
  const { title, authors, date, abstract, warning, blocks } = reportOf(study);
  const text = [title, authors, date, warning, ...abstract.map(spansText), ...blocks.map(blockText)].join("\n\n");
  await expect(`${text}\n`).toMatchFileSnapshot(snapshot("report.txt"));
});

test("the checklist and the README", async () => {
  const evidence = { file: "file", sha256: "0".repeat(64) };
  const input: ChecklistInput = {
    ...study,
    manifests: Object.fromEntries(
      study.runs.map(({ experiment, run }) => {
        const name = `${experiment}/${run}`;
        return [name, { ...evidence, file: `artifacts/runs/${name}/manifest.json` }];
      }),
    ),
    ...{ notebook: evidence, dockerfile: evidence, uploads: {} },
  };
  await expect(checklistMarkdown(checklistOf(input))).toMatchFileSnapshot(snapshot("checklist.md"));
  const readme = readmeOf(input).replaceAll(/^\| `train\..*\n/gm, "");
  await expect(readme).toMatchFileSnapshot(snapshot("README.md"));
});

test("headers, names and definitions of the workbook", async () => {
  const folder = mkdtempSync(join(tmpdir(), "exp-wording-"));
  const path = join(folder, "workbook.xlsx");
  const analysis = fixtureAnalysis();
  const metrics = [...tasks.get("label_set").metrics];
  const scores = Object.fromEntries(metrics.map(({ name }) => [name, 0.5]));
  const arm = { name: "tuned", views: { basic: scores }, labels: { basic: [] }, facts: [] } as unknown as WorkbookArm;
  const content: Workbook = {
    ...{
      arms: [arm],
      caseRows: [],
      cases: [],
      measured: new Set(["finish", "prompt_tokens", "new_tokens"] as const),
      caseView: "basic",
      views: ["basic"],
      metrics,
      warning: "A notice.",
      provenance: [],
    },
    failures: Object.entries(analysis.arms).map(([arm, { wrong, categories, causes }]) => ({
      ...{ arm, wrong, categories },
      ...(causes ? { causes: causes.counts } : {}),
    })),
    runs: [],
    audit: { splits: {}, findings: [] },
    sweep: { score: "micro_f1", why: "a reason", settings: [] },
  };
  try {
    await writeWorkbook(path, content);
    const book = new excel.Workbook();
    await book.xlsx.readFile(path);
    const sheets = book.worksheets.map((sheet) => {
      const cells = Array.from({ length: Math.min(25, Math.max(3, sheet.rowCount)) }, (_, at) => at + 1).map((row) =>
        (sheet.getRow(row).values as unknown[]).slice(1).join(" | "),
      );
      return `${sheet.name}\n${cells.join("\n")}`;
    });
    await expect(`${sheets.join("\n\n")}\n`).toMatchFileSnapshot(snapshot("workbook.txt"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const diff: RunDiff = {
  ...{ a: "a/1", b: "b/2", view: "basic", data: [], prompt: [], recipe: [], environment: [], hardware: [], files: [] },
  config: [{ name: "train.rank", a: 8, b: null }],
  metrics: [{ name: "tuned basic micro_f1", a: 0.5, b: 0.6, difference: 0.1 }],
  cases: {
    tuned: { cases: 8, fixed: [{ id: "case-1", gold: ["cyst"], a: [], b: ["cyst"] }], broken: [], changed: [] },
  },
  notes: ["a note"],
};

test("pages", async () => {
  const cases = { view: "basic", hasLabels: true, arms: ["tuned"], categories: [], cases: [], notes: ["a note"] };
  const { run, experiment, coordinates, created } = study.runs[1] as (typeof study.runs)[number];
  const row = {
    ...{
      experiment,
      run,
      coordinates,
      created,
      metric: "micro_f1",
      view: "basic",
      seconds: 973,
      memory: 9e9,
      price: 1,
    },
    ...{
      scores: [{ arm: "tuned", name: "QLoRA", value: 0.5, interval: { low: 0.4, high: 0.6 } }] as const,
      marks: ["smoke"],
    },
  };
  const text = [
    runsTable([row], { choose: true }).text,
    caseExplorer(cases).text,
    ...comparisonBlocks(fixtureComparison()).map(blockText),
    ...diffBlocks(diff, fixtureArmName).map(blockText),
  ];
  await expect(`${text.join("\n\n")}\n`).toMatchFileSnapshot(snapshot("pages.txt"));
});

test("the terminal", async () => {
  const screen = { color: false };
  const { audit } = study.runs[1] as (typeof study.runs)[number];
  const upload = {
    ...{
      type: "upload" as const,
      run: "a/1",
      repo: "ada/qlora",
      url: "https://example.org",
      private: true,
      commit: "c0",
    },
    ...{ files: 3, sent: 2, bytes: 2e6, reasons: [{ code: "a-code", message: "A reason.", help: "A fix." }] },
  };
  const shown = { id: "case-1", target: "cyst", prompt: 12, masked: 10, trained: ["cy", "st"] };
  const text = [
    ablationText(fixtureAblation, screen),
    auditText(audit as NonNullable<typeof audit>, screen),
    comparisonText(fixtureComparison(), screen, { micro_f1: "A definition." }),
    diffText(diff, ["micro_f1"], screen, fixtureArmName),
    errorAnalysisText(fixtureAnalysis(), "tuned", screen, fixtureArmName),
    previewText("tuned", [{ ...shown, text: "A report.", answer: { text: "A cyst", finish: "length" } }], ["a note"]),
    ...(["uploaded", "unchanged", "would-upload", "refused", "failed"] as const).map((status) =>
      uploadText({ ...upload, status, reasons: ["refused", "failed"].includes(status) ? upload.reasons : [] }),
    ),
    runText(),
  ];
  await expect(text.join("\n")).toMatchFileSnapshot(snapshot("terminal.txt"));
});

/** A run as plain lines, and the rows of the live view after each event. */
function runText(): string {
  const lines: string[] = [];
  const reporter = linesReporter({ color: false, out: (text) => lines.push(text), err: (text) => lines.push(text) });
  const progress = new RunProgress(0);
  const common = { kind: "other", status: "run" as const, reason: "" };
  const shared = ["evaluate", "report"].map((id) => ({ id, ...common }));
  const step = (id: string, run: string) => ({
    id,
    kind: "train",
    status: "run" as const,
    reason: "",
    run,
    seconds: 60,
  });
  const error = {
    code: "oom",
    message: "Out of memory.",
    help: "Lower the batch size.",
    log: "train.log",
    tail: ["a line"],
  };
  const events: readonly Event[] = [
    {
      type: "plan",
      runs: 2,
      price_per_hour: 1,
      steps: [step("train@1", "train.rank=8"), step("train@2", "train.rank=16"), ...shared],
    },
    { type: "step-wait", step: "train@1", kind: "train", for: "2 cores" },
    { type: "step-start", step: "train@1", kind: "train", log: "train.log" },
    { type: "progress", step: "train@1", done: 5, total: 10, unit: "steps", loss: 0.5, tokens_per_second: 812 },
    { type: "step-end", step: "train@1", status: "built", seconds: 60 },
    { type: "score", run: "train.rank=8", metric: "micro_f1", value: 0.5, lowerIsBetter: false },
    { type: "step-end", step: "train@2", status: "failed", seconds: 2, error },
    { type: "step-end", step: "evaluate", status: "skipped", seconds: 0, because: "train@2" },
    { type: "step-end", step: "report", status: "reused", seconds: 0 },
    { type: "note", level: "warning", message: "A note." },
    { type: "run-end", run: "a/1", status: "failed", manifest: null },
  ];
  const rows = events.map((event, at) => {
    const now = at * 10_000;
    reporter.event(event);
    progress.apply(event, now);
    const run = progress.row("train.rank=8", now, 100, glyphs.ascii);
    return [progress.head(now, 100, false), progress.outlook(now, 100), run].join("\n");
  });
  const end = [progress.head(0, 100, true), progress.foot(200_000, 100), progress.endedRun("train.rank=16", 100)];
  return [...lines, ...rows, ...end, ""].join("\n");
}
