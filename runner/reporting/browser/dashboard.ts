/** The script of pages with charts: the page of runs. esbuild bundles it with Vega into dist/dashboard.js. */

import { startRunDashboard } from "./run-dashboard.ts";

if (document.getElementById("runs-data") !== null) startRunDashboard();
