import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { expect } from "vitest";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine; undefined where none is installed, which is said once. */
export const browserPath = places.find(existsSync);
if (browserPath === undefined)
  console.warn(`pages are not opened in a browser: none of ${places.join(", ")} is there (apt-get install chromium)`);

/** Starts the browser without a window, and without anything that it would do by itself. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath as string,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
      ...["--disable-sync", "--no-first-run"],
    ],
  });
}

/** What axe finds serious or critical on a page, by rule and place. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // The page's own policy forbids scripts that are not its own; the driver's are let by.
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

/** Asserts that a page has no serious finding in light and in dark, wide and narrow, and is never wider than the screen. */
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
