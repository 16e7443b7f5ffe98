/**
 * Checks that imports between the rooms of runner/ go one way: `node runner/check-rooms.mjs`. A new room is one line here.
 * The table is the rule; runner/ARCHITECTURE.md tells what the rooms are for.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const runner = fileURLToPath(new URL(".", import.meta.url));

/** What a room may import of the others. `pure` rooms touch no file, process, clock or network: these are passed in. */
const rooms = {
  diagnostic: { imports: [], pure: true },
  similarity: { imports: [], pure: true },
  prompt: { imports: [], pure: true },
  labels: { imports: ["diagnostic"], pure: true },
  backends: { imports: ["diagnostic"], pure: true },
  engines: { imports: ["diagnostic"], pure: true },
  estimate: { imports: ["backends"], pure: true },
  baselines: { imports: ["labels", "similarity"], pure: true },
  metrics: { imports: ["diagnostic", "labels", "data"], pure: true },
  plan: { imports: ["diagnostic"], pure: true },
  data: { imports: ["diagnostic", "labels", "similarity"] },
  statistics: { imports: ["diagnostic", "labels", "metrics", "data"], pure: true },
  analysis: { imports: ["labels", "similarity", "metrics", "data"], pure: true },
  experiment: { imports: ["diagnostic", "backends", "engines", "labels", "data", "metrics", "estimate"], pure: true },
  report: { imports: ["analysis", "data", "engines", "experiment", "metrics", "statistics"], pure: true },
  checklist: { imports: ["report"], pure: true },
  release: { imports: ["report"], pure: true },
  render: { imports: ["metrics", "labels", "plan", "data", "report"] },
  browser: { imports: ["report", "study"], pure: true },
  store: { imports: ["plan"] },
  hub: { imports: ["plan", "release"] },
  openai: { imports: ["plan"] },
  execute: { imports: ["plan", "store"] },
  cluster: { imports: ["experiment", "plan", "store", "execute", "project"] },
  mirror: { imports: ["plan", "store", "execute", "project"] },
  setup: { imports: ["plan", "store", "execute", "backends"] },
  steps: {
    imports: [
      ...["analysis", "backends", "baselines", "data", "diagnostic", "engines", "estimate", "experiment", "labels"],
      ...["metrics", "openai", "plan", "prompt", "render", "similarity", "statistics"],
    ],
  },
  study: {
    imports: [
      "analysis",
      "diagnostic",
      "experiment",
      "labels",
      "metrics",
      "plan",
      "prompt",
      "release",
      "report",
      "statistics",
      "steps",
      "store",
    ],
  },
  view: { imports: ["report", "study"] },
  show: { imports: ["analysis", "data", "plan", "execute", "report", "statistics", "store", "study"] },
  project: {
    imports: [
      ...["data", "diagnostic", "estimate", "execute", "experiment", "plan", "setup", "show", "steps", "store"],
    ],
  },
  transfer: { imports: ["plan", "store", "mirror", "study", "hub", "project"] },
  running: {
    imports: [
      ...["cluster", "diagnostic", "execute", "experiment", "metrics", "mirror", "plan", "project", "report", "setup"],
      ...["show", "steps", "store", "study"],
    ],
  },
  handin: {
    imports: [
      ...["checklist", "diagnostic", "execute", "experiment", "hub", "plan", "project", "release", "render", "report"],
      ...["show", "store", "study", "view"],
    ],
  },
};

/** Libraries that one or two rooms own, so that each can be replaced in one place. */
const owners = {
  execa: ["execute", "setup"],
  listr2: ["show"],
  exceljs: ["render", "data"],
  vega: ["render"],
  "vega-lite": ["render"],
  "@myriaddreamin/typst-ts-node-compiler": ["render"],
  "@huggingface/hub": ["hub"],
  "@aws-sdk/client-s3": ["transfer"],
};

const world = /^node:(fs|child_process|os|http|https|net|worker_threads)(\/|$)/;
const specifier = /(?:^|\s)(?:import|export)\s[^"';]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm;

const wrong = [];
for (const name of readdirSync(runner, { recursive: true })) {
  const [room, ...inside] = name.split(sep);
  const isTest = /\.test\.ts$|(^|\/)(rig|test)[./]/.test(name);
  if (inside.length === 0 || !name.endsWith(".ts") || isTest || room === "commands") continue;
  const rule = rooms[room];
  if (rule === undefined) {
    wrong.push(`runner/${room}/ is no room yet: add it to runner/check-rooms.mjs and runner/ARCHITECTURE.md`);
    continue;
  }
  for (const [, from, dynamic, bare] of readFileSync(join(runner, name), "utf8").matchAll(specifier)) {
    const target = from ?? dynamic ?? bare;
    const refuse = (why) => wrong.push(`runner/${name} imports ${target}: ${why}`);
    if (target.startsWith(".")) {
      const path = relative(runner, join(runner, dirname(name), target));
      const other = path.split(sep)[0];
      if (other !== room && other in rooms && !rule.imports.includes(other)) {
        refuse(`${room}/ may import ${rule.imports.join(", ") || "no other room"}`);
      } else if (!(other in rooms) && path.endsWith(".ts")) refuse("nothing below imports commands or the top level");
    } else if (rule.pure && world.test(target)) refuse(`${room}/ is pure: what it needs of the world is passed in`);
    else if (owners[target]?.includes(room) === false) refuse(`only ${owners[target].join(" and ")} may`);
  }
}
for (const line of new Set(wrong)) console.error(line);
process.exitCode = wrong.length > 0 ? 1 : 0;
