/** HTML reports in a browser: offline, by keyboard, in light and dark mode, and with many cases. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { readAssets, renderPage, reportPage } from "../reporting/render/html/page.ts";
import { browserPath, expectAccessible, openBrowser } from "./browser.ts";
import { largeReport } from "./large-report.ts";
import { test as base, type Rig } from "./rig.ts";

const evil = '</script><img src=x onerror="globalThis.hurt=1"><!--<script>globalThis.hurt=2</script>';

let browser: Browser;
beforeAll(async () => {
  if (browserPath !== undefined) browser = await openBrowser();
});
afterAll(() => browser?.close());

/** A test with a page, its network requests and its errors. */
const test = base.extend<{ tab: { page: Page; requests: string[]; errors: string[] } }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads what a fixture needs from this pattern
  tab: async ({}, use) => {
    const page = await browser.newPage({ reducedMotion: "reduce" });
    const [requests, errors]: string[][] = [[], []];
    page.on("request", (request) => requests?.push(request.url()));
    page.on("pageerror", ({ message }) => errors?.push(message));
    page.on("console", (message) => message.type() === "error" && errors?.push(message.text()));
    await use({ page, requests: requests as string[], errors: errors as string[] });
    await page.close();
  },
});

/** A study whose first case attempts script injection. */
async function hostileStudy(rig: Rig): Promise<string> {
  rig.edit("experiments/study.yaml", "baselines: []\n", "baselines: [most_frequent, nearest]\n");
  const rows = rig.read("experiments/data/test.csv").split("\n");
  rows[1] = `test-0,"Report: ${evil.replaceAll('"', '""')} kidney cyst.","kidney cyst, ${evil.replaceAll('"', '""')}",`;
  rig.write("experiments/data/test.csv", rows.join("\n"));
  return (await rig.build("experiments/study.yaml")).manifest;
}

const cards = (page: Page) => page.locator("article.case");

describe.skipIf(browserPath === undefined)("in a browser", () => {
  test("a page works offline, escapes the study's text, and has the same bytes again", async ({ rig, tab }) => {
    await hostileStudy(rig);
    for (const out of ["first", "second"])
      expect((await rig.exp("report", "study", "--html", "--out", out)).code).toBe(0);
    expect(rig.read("first/report.html")).toBe(rig.read("second/report.html"));

    const { page, requests, errors } = tab;
    const url = pathToFileURL(rig.path("first/report.html")).href;
    await page.goto(url);
    expect(await cards(page).count()).toBe(9);
    const first = cards(page).first();
    expect(await first.locator(".text").textContent()).toContain(evil);
    expect(await first.locator("tr.gold").textContent()).toContain("onerror=");
    expect(await page.evaluate("globalThis.hurt")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(requests).toEqual([url]);
    expect(errors).toEqual([]);
    // The page has the scores, and each reference has a target.
    const text = await page.locator("main").textContent();
    for (const { canonical } of Object.values(rig.manifest(rig.path("artifacts/runs/study/latest/manifest.json")).arms))
      expect(text).toContain(canonical.micro_f1?.toFixed(3));
    const broken = await page.evaluate(
      '[...document.querySelectorAll(\'a[href^="#"]:not([href^="#cases?"])\')].map((a) => a.hash.slice(1)).filter((id) => !document.getElementById(id))',
    );
    expect(broken).toEqual([]);
    await expectAccessible(page);
  });

  test("cases are filtered by text, arm, kind of error and label", async ({ rig, tab: { page } }) => {
    await rig.build("experiments/study.yaml");
    expect((await rig.exp("report", "study", "--html", "--out", "out")).code).toBe(0);
    await page.goto(pathToFileURL(rig.path("out/report.html")).href);
    const shown = page.locator("#shown");
    const failures = readFileSync(rig.path("artifacts/runs/study/latest/failures.jsonl"), "utf8").trim().split("\n");
    const omitted = failures
      .map((line) => JSON.parse(line))
      .filter(({ categories }) => categories.includes("omission"));

    await page.getByLabel("Prediction", { exact: true }).selectOption({ label: "omission" });
    expect(await shown.textContent()).toBe(`${omitted.length} of 9 cases`);
    expect(await page.locator("#definition").textContent()).toContain("omission");
    const ids = await cards(page).locator("h3").allTextContents();
    expect(ids.sort()).toEqual(omitted.map(({ id }) => id).sort());
    expect(await cards(page).first().locator(".chip.missed").first().textContent()).toMatch(/^− missed: /);

    await page.getByLabel("Prediction", { exact: true }).selectOption({ label: "right" });
    expect(await shown.textContent()).toBe(`${9 - omitted.length} of 9 cases`);
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByLabel("Text", { exact: true }).fill("REPORT 103");
    expect(await cards(page).locator("h3").allTextContents()).toEqual(["test-3"]);
    expect(await cards(page).locator("mark.found").textContent()).toBe("Report 103");
    await page.getByLabel("Text", { exact: true }).fill("");
    // The address holds the filters, and each case has a link.
    await page.getByLabel("Prediction", { exact: true }).selectOption({ label: "omission" });
    await page.getByLabel("Arms", { exact: true }).selectOption("columns");
    expect(new URL(page.url()).hash).toBe("#cases?answer=omission&view=columns");
    await page.reload();
    expect(await shown.textContent()).toBe(`${omitted.length} of 9 cases`);
    expect(await cards(page).first().locator(".arms section").count()).toBeGreaterThan(0);
    await expectAccessible(page);
    const linked = cards(page).last().locator("h3 a");
    const id = (await linked.textContent()) as string;
    await linked.click();
    await page.getByText("9 cases", { exact: true }).waitFor();
    await page.reload();
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe(`Case ${id}`);
    const place = "document.activeElement.getBoundingClientRect().top";
    const banner = "(document.querySelector('.warning')?.getBoundingClientRect().bottom ?? 0)";
    expect(await page.evaluate(`${place} - ${banner}`)).toBeGreaterThanOrEqual(0);
    await page.getByLabel("Label", { exact: true }).selectOption({ index: 1 });
    expect(await cards(page).count()).toBeLessThan(9);
  });

  test("ten thousand cases are navigable by keyboard", async ({ rig, tab: { page, errors } }) => {
    const assets = readAssets(`${rig.package}/`);
    writeFileSync(rig.path("many.html"), renderPage(reportPage(...largeReport(10_000), assets), assets));
    await page.goto(pathToFileURL(rig.path("many.html")).href);
    expect(await page.locator("#shown").textContent()).toBe("10,000 cases, page 1 of 1,000");
    expect(await cards(page).count()).toBe(10);

    const focused = () =>
      page.evaluate("document.activeElement.name || document.activeElement.getAttribute('aria-label')");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.className")).toBe("skip");
    for (let tabs = 0; (await focused()) !== "text" && tabs < 60; tabs++) await page.keyboard.press("Tab");
    await page.keyboard.type("case 77 of");
    expect(await page.locator("#shown").textContent()).toBe("1 of 10,000 cases");
    for (let letters = 0; letters < 4; letters++) await page.keyboard.press("Backspace");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("Case c-7");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("Case c-70");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    expect(await focused()).toBe("text");
    // The arrow key moves past the last case to the next page.
    await page.keyboard.press("ArrowDown");
    for (let down = 0; down < 10; down++) await page.keyboard.press("ArrowDown");
    expect(await page.locator("#shown").textContent()).toContain("page 2 of");
    expect(await focused()).toBe(await cards(page).first().getAttribute("aria-label"));
    // The run table sorts by its headings.
    const heading = page.getByRole("button", { name: /^score/ });
    const experiments = page.locator("table.runs tbody th");
    await heading.focus();
    await page.keyboard.press("Enter");
    expect(await experiments.allTextContents()).toEqual(["worse", "better"]);
    await page.keyboard.press("Enter");
    expect(await experiments.allTextContents()).toEqual(["better", "worse"]);
    expect(await page.locator("th[aria-sort=descending]").textContent()).toMatch(/^score/);
    expect(errors).toEqual([]);
  });
});
