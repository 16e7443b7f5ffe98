import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { least, median } from "./measure.mjs";

const browserPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
/** Name, control, and its value: the letters of a text, or the position of a choice. */
const filters = [
  ["a text", "text", "case 77"],
  ["a text that all cases have", "text", "word"],
  ["a kind of error", "answer", 4],
  ["a label", "label", 5],
];

/** How long a page of 10,000 cases takes to open, and each filter to show what it found. */
export const pages = {
  name: "pages",
  async groups({ bundle, folder, root, quick }) {
    const title = "A page of 10,000 cases in Chromium";
    if (browserPath === undefined) return [{ title, rows: [], note: "Not measured: no Chromium is installed." }];
    const page = join(folder("pages"), "many.html");
    const script = await bundle(
      "many-cases",
      `import { writeFileSync } from "node:fs";
       import { readAssets, renderPage, reportPage } from "./runner/reporting/render/html/page.ts";
       import { largeReport } from "./runner/testing/large-report.ts";
       const assets = readAssets(${JSON.stringify(root)});
       writeFileSync(${JSON.stringify(page)}, renderPage(reportPage(...largeReport(10_000), assets), assets));`,
    );
    execFileSync(process.execPath, [script]);
    const browser = await chromium.launch({
      executablePath: browserPath,
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
    });
    const taken = new Map();
    const note = (name, ms) => taken.set(name, [...(taken.get(name) ?? []), ms]);
    for (let round = 0; round < (quick ? 2 : 5); round++) {
      const tab = await browser.newPage();
      await tab.goto(pathToFileURL(page).href);
      note("to open", await tab.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd));
      for (const [name, control, value] of filters) {
        // From the key press to the frame with the result.
        const ms = await tab.evaluate(
          async ([control, value]) => {
            const form = document.getElementById("filters");
            form.reset();
            await new Promise((done) => setTimeout(done, 200));
            const from = performance.now();
            form.elements[control][typeof value === "string" ? "value" : "selectedIndex"] = value;
            form.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            return performance.now() - from;
          },
          [control, value],
        );
        note(`to filter by ${name}`, ms);
      }
      await tab.close();
    }
    await browser.close();
    const lines = [...taken].map(
      ([name, all]) =>
        `| ${name} | ${least(all).toFixed(0)} / ${median(all).toFixed(0)} | ${name === "to open" ? 1000 : 100} |`,
    );
    return [
      { title, rows: [], note: ["| | ms (min / median) | target |", "| --- | ---: | ---: |", ...lines].join("\n") },
    ];
  },
};
