import { statSync } from "node:fs";
import { join } from "node:path";

/** A workbook with a row for each of 50,000 cases. */
export const workbook = {
  name: "workbook",
  async groups({ bundle, compare, folder, quick }) {
    const rows = quick ? 5_000 : 50_000;
    const cwd = folder("workbook");
    const ours = await bundle(
      "workbook",
      `import { writeWorkbook } from "./runner/reporting/render/xlsx/workbook.ts";
import { labelMetrics } from "./runner/evaluation/labels/label-metrics.ts";
${caseMaker}
const [path, count] = process.argv.slice(2);
const metrics = [...labelMetrics];
const scores = Object.fromEntries(metrics.map(({ name }) => [name, 0.5]));
const arm = { name: "tuned", views: { raw: scores, basic: scores, canonical: scores }, labels: { raw: [], basic: [], canonical: [] }, facts: [] };
function* rows() { for (let at = 0; at < Number(count); at++) { const { id, input, gold } = caseOf(at); yield { id, input, gold, answers: [{ answer: "renal cyst; adenoma", verdict: "partly correct" }] }; } }
function* cases() { for (let at = 0; at < Number(count); at++) yield caseOf(at); }
await writeWorkbook(path, { arms: [arm], metrics, views: ["raw", "basic", "canonical"], caseRows: rows(), cases: cases(), caseView: "basic", provenance: [["exp", "bench"]] });`,
    );
    const raw = await bundle(
      "exceljs",
      `import excel from "exceljs";
${caseMaker}
const [path, count] = process.argv.slice(2);
const book = new excel.stream.xlsx.WorkbookWriter({ filename: path, useStyles: false, useSharedStrings: false });
const sheet = book.addWorksheet("Cases");
for (let at = 0; at < Number(count); at++) {
  const one = caseOf(at);
  sheet.addRow([one.id, one.arm, one.input, one.gold.join("; "), one.text, one.prediction.join("; "), "no", one.f1, one.omitted.join("; "), one.added.join("; "), "", one.finish, one.prompt_tokens, one.new_tokens]).commit();
  if (at % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
}
sheet.commit();
await book.commit();`,
    );
    const subject = (who, script, name, target) => ({
      who,
      command: [process.execPath, script, name, String(rows)],
      cwd,
      target,
    });
    const measured = await compare(
      [
        subject("exp, with styles and filters", ours, "exp.xlsx", { cpu: 3, rss: 200 }),
        subject("exceljs streaming, bare", raw, "exceljs.xlsx"),
      ],
      { rounds: 3 },
    );
    const megabytes = (name) => `${(statSync(join(cwd, name)).size / 1e6).toFixed(1)} MB`;
    const note = `Texts of 125 words. exp writes the sheets By case and Cases, exceljs one sheet of 14 columns. The files: exp ${megabytes("exp.xlsx")}, exceljs ${megabytes("exceljs.xlsx")}.`;
    return [{ title: `A workbook of ${rows.toLocaleString("en")} rows`, rows: measured, note }];
  },
};

const caseMaker = `
const words = "liver spleen kidney cyst normal enlarged without evidence of free fluid small left right lobe".split(" ");
// Generated once: only the writing is measured.
const inputs = Array.from({ length: 1000 }, (_, at) => Array.from({ length: 125 }, (_, word) => words[(at * 7 + word * word * (at % 13)) % words.length] + (at + word) % 97).join(" "));
function caseOf(at) {
  const input = inputs[at % inputs.length];
  return { id: "case " + at, arm: "tuned", input, gold: ["renal cyst", "hernia"], text: "renal cyst, adenoma", prediction: ["renal cyst", "adenoma"], parsed: true, notes: [], exact: false, f1: 0.5, omitted: ["hernia"], added: ["adenoma"], finish: "stop", prompt_tokens: 300, new_tokens: 12 };
}`;
