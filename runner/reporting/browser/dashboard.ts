/** The script of pages with charts: runs, running experiments and learning curves. esbuild bundles it with Vega into dist/dashboard.js. */

import { startLearningCurves } from "./learning-curves.ts";
import { showLiveRuns } from "./live-runs.ts";
import { startRunDashboard } from "./run-dashboard.ts";

if (document.getElementById("runs-data") !== null) startRunDashboard();
const live = document.getElementById("live");
if (live !== null) showLiveRuns(live);
if (document.getElementById("curves-data") !== null) startLearningCurves();
