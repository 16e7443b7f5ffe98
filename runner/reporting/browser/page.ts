/** The script of every page: what a reader can sort, filter and follow. Bundled into dist/page.js; it brings no library. */

import { exploreCases } from "./case-explorer.ts";
import { followRuns } from "./live-runs.ts";
import { choosable } from "./run-selection.ts";
import { sortable } from "./sortable-table.ts";

for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) sortable(table);
const form = document.querySelector<HTMLFormElement>("form.choose");
if (form !== null) choosable(form);
const live = document.getElementById("live");
if (live !== null) followRuns(live);
if (document.getElementById("cases-data") !== null) exploreCases();
