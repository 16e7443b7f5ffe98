import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { expect } from "vitest";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of this machine's browser; undefined if there is none, after a warning. */
export const browserPath = candidates.find(existsSync);
if (browserPath === undefined)
  console.warn(`browser tests are skipped: no ${candidates.join(", ")} (apt-get install chromium)`);

/** Starts the browser without a window and without background requests. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath as string,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
      ...["--disable-sync", "--no-first-run"],
    ],
  });
}

/** Serious and critical findings of axe on a page, as "RULE at SELECTOR: SUMMARY". */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // The content security policy of the page forbids script tags; page.evaluate is not affected.
  const source = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  await page.evaluate(readFileSync(source, "utf8"));
  return page.evaluate(async () => {
    type Found = { impact: string; id: string; nodes: { target: string[]; failureSummary: string }[] };
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) =>
        nodes.slice(0, 3).map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`),
      );
  });
}

/** Asserts that a page has no serious finding, in light mode at 1280 px and dark mode at 390 px, and no horizontal overflow. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 390],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 900 });
    expect(await seriousFindings(page), `${colorScheme}, ${width} px wide`).toEqual([]);
    const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(overflow, `wider than ${width} px`).toBeLessThanOrEqual(0);
  }
}
