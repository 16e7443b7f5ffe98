import { join } from "node:path";
import { firstDifference } from "../plan/explain.ts";
import { identify } from "../plan/identity.ts";
import type { StoreRecord } from "../plan/record.ts";
import { loadAll, openProject, planAll } from "../project.ts";
import { findRun, RunNotFound } from "../study/runs.ts";
import { type Act, exit } from "./context.ts";
