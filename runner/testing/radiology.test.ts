/**
 * The study package with simulated predictions (4B and 8B, zero-shot and fine-tuned). Each file is read by its own
 * program.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import excel from "exceljs";
import { expect } from "vitest";
import { sha256 } from "../util/canonical.ts";
import { browserPath, expectAccessible, openBrowser } from "./browser.ts";
import { hasLibreOffice, sheetsAsCsv } from "./libreoffice.ts";
import { statedNumbers } from "./reported-numbers.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));

/** The notice of every page: experiments, number of files and origin of the replayed predictions. */
const simulated = /radiology-study-replay and lora-4b-replay .*\b4 files .*gold labels corrupted with a seed/;

test("simulated predictions are reproducible from their seed", () => {
  execFileSync("python3", ["experiments/replay/simulate.py", "--check"], { cwd: clone, stdio: "pipe" });
});

test("every file of the radiology study package has the notice on simulated predictions", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const { manifest } = await rig.build("experiments/radiology-study-replay.yaml");
  const { arms, intervals, steps, provenance } = rig.manifest(manifest);
  expect(provenance.rationale).toEqual({ "prompts/README.md": sha256(rig.read("prompts/README.md")) });
  const kinds = new Set(Object.values(steps).map(({ kind }) => kind));
  // No step runs Python or a model.
  expect([...kinds].sort()).toEqual(["analyse", "compare", "data", "evaluate", "generate", "lookup", "workbook"]);
  const f1 = (arm: string) => arms[arm]?.canonical.micro_f1 as number;
  expect(f1("tuned")).toBeGreaterThan(f1("zero_shot"));
  expect(f1("lora-4b-replay.tuned")).toBeGreaterThan(f1("lora-4b-replay.zero_shot"));

  expect((await rig.exp("export", "out", "radiology-study-replay")).code).toBe(0);
  const replayed = readdirSync(rig.path("experiments/replay")).filter((name) => name.endsWith(".jsonl"));
  expect(replayed).toHaveLength(4);
  for (const name of replayed.map((one) => join("experiments/replay", one)))
    expect(rig.read(join("out", name))).toBe(rig.read(name));
  const out = rig.path("out");
  const inOneLine = (text: string) => text.replaceAll(/[\s\u200b]+/g, " ");

  // The PDF as text and as images.
  const pages = execFileSync("pdftotext", ["-layout", join(out, "report.pdf"), "-"], { encoding: "utf8" }).split("\f");
  for (const page of pages.slice(0, -1)) expect(inOneLine(page)).toMatch(simulated);
  const text = inOneLine(pages.join(" "));
  for (const arm of ["Qwen3-8B, zero-shot", "Qwen3-8B, LoRA", "Qwen3-4B, zero-shot", "Qwen3-4B, LoRA"])
    expect(text).toContain(arm);
  const own = intervals.tuned?.canonical.micro_f1;
  expect(text).toContain(`${f1("tuned").toFixed(3)} [${own?.low?.toFixed(3)}, ${own?.high?.toFixed(3)}]`);
  expect(text).toContain("Error analysis");
  // A line may end after the hyphen.
  expect(text).toMatch(/simulated-4b- ?tuned\.jsonl/);
  expect(text).not.toMatch(/in 0\.0 s/);
  const pictures = mkdtempSync(join(out, "pictures-"));
  execFileSync("pdftoppm", ["-r", "40", "-png", join(out, "report.pdf"), join(pictures, "p")], { stdio: "pipe" });
  expect(readdirSync(pictures)).toHaveLength(pages.length - 1);

  // The workbook: every sheet has the notice and every arm.
  const book = new excel.Workbook();
  await book.xlsx.readFile(join(out, "workbook.xlsx"));
  const sheets = book.worksheets.map(({ name }) => name);
  expect(sheets).toEqual([
    ...["Read me", "Summary", "By case", "Significance", "Runs", "Cases", "Errors", "Causes", "Labels", "Confusions"],
    ...["Data audit", "Provenance"],
  ]);
  expect(book.getWorksheet("By case")?.rowCount).toBe(2 + 236);
  for (const sheet of book.worksheets) expect(sheet.getCell("A1").value, sheet.name).toMatch(simulated);
  expect(book.getWorksheet("Cases")?.rowCount).toBe(2 + 236 * Object.keys(arms).length);
  const runs = (book.getWorksheet("Runs")?.getSheetValues() ?? []).slice(3) as string[][];
  expect(runs.map((row) => [row[1], row[2]])).toEqual(
    expect.arrayContaining([
      ["radiology-study-replay", "Qwen3-8B, zero-shot"],
      ["radiology-study-replay", "Qwen3-8B, LoRA"],
      ["lora-4b-replay", "Qwen3-4B, zero-shot"],
      ["lora-4b-replay", "Qwen3-4B, LoRA"],
    ]),
  );
  for (const row of runs.filter(([, , arm]) => arm?.endsWith("LoRA"))) expect(row[5]).toMatch(/^declared, .*lora/);
  if (hasLibreOffice) {
    const read = sheetsAsCsv(join(out, "workbook.xlsx"), rig.path("office"));
    expect(Object.keys(read).sort()).toEqual([...sheets].sort());
    for (const [name, csv] of Object.entries(read)) expect(csv.split("\n")[0], name).toMatch(simulated);
  }

  // Every output has the same numbers.
  const stated = statedNumbers({
    folder: dirname(rig.path(manifest)),
    manifest: rig.manifest(manifest),
    html: readFileSync(join(out, "report.html"), "utf8"),
    pdf: execFileSync("pdftotext", ["-raw", join(out, "report.pdf"), "-"], { encoding: "utf8" }),
    readme: rig.read("out/README.md"),
    show: (await rig.exp("show", "radiology-study-replay")).stdout,
    book,
  });
  expect(stated.filter(({ found, expected }) => JSON.stringify(found) !== JSON.stringify(expected))).toEqual([]);
  const counts = new Map<string, number>();
  for (const { output } of stated) counts.set(output, (counts.get(output) ?? 0) + 1);
  for (const output of ["manifest", "page", "PDF", "README", "workbook", "exp show", "analysis.json"])
    expect(counts.get(output), output).toBeGreaterThan(20);

  // Texts and predictions.
  for (const name of ["README.md", "checklist.md"]) expect(inOneLine(rig.read(`out/${name}`))).toMatch(simulated);
  for (const arm of Object.keys(arms))
    expect(
      readFileSync(
        join(out, "runs/radiology-study-replay", basename(dirname(manifest)), arm, "predictions.jsonl"),
        "utf8",
      )
        .trim()
        .split("\n"),
    ).toHaveLength(236);
  expect(rig.read("out/README.md")).toContain("No model was trained");

  // The page.
  if (browserPath === undefined) return;
  const browser = await openBrowser();
  rig.onClose(() => void browser.close());
  const page = await browser.newPage();
  await page.goto(pathToFileURL(join(out, "report.html")).href);
  expect(await page.locator(".warning").textContent()).toMatch(simulated);
  expect(await page.locator("article.case").count()).toBeGreaterThan(0);
  await page.setViewportSize({ width: 1400, height: 900 });
  const scrolled = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth).length";
  expect(await page.evaluate(scrolled), "tables wider than a page of 1,400 px").toBe(0);
  await expectAccessible(page);
});
