/** The script of all pages: sorting, run selection and the case explorer. esbuild bundles it into dist/page.js. */

import { startCaseExplorer } from "./case-explorer.ts";
import { enableRunSelection } from "./run-selection.ts";
import { enableSorting } from "./sortable-table.ts";

// The notice covers the top of a wide page. Anchors must stay below it.
const notice = document.querySelector<HTMLElement>("body > .warning");
if (notice !== null) {
  const keepClear = (): void => {
    const height = getComputedStyle(notice).position === "sticky" ? notice.offsetHeight : 0;
    document.documentElement.style.setProperty("--notice", `${height}px`);
  };
  keepClear();
  new ResizeObserver(keepClear).observe(notice);
}

for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) enableSorting(table);
const form = document.querySelector<HTMLFormElement>("form.run-selection");
if (form !== null) enableRunSelection(form);
if (document.getElementById("cases-data") !== null) startCaseExplorer();
