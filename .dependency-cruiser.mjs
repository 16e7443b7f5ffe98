/**
 * The layer rules of runner/: `npm run layers`. A module imports only from its own layer and from layers below it, so the list
 * below is the order in which the code can be read. runner/ARCHITECTURE.md describes what each folder holds.
 */
const layers = [
  "util",
  "data",
  // The Hugging Face hub: connection, cache, token, data sets.
  "hub",
  // Interfaces and registries of the extension points. Implementations may import every layer below orchestration.
  "plugins",
  "evaluation",
  "config",
  // The workbook is written by a step, the other reports from finished runs.
  "reporting/render/xlsx",
  "pipeline",
  "store",
  "execution",
  "setup",
  "project",
  "runs",
  "reporting",
  "terminal",
  "publishing",
  "orchestration",
  "commands",
  // Generates pages of docs/reference/; no product code imports it.
  "reference",
];

/** Implementations of extension points: one folder each. Only built-in.ts, which registers them, imports them. */
const implementations = "^runner/plugins/[^/]+/[^/]+/";

/** Modules that read no file, process, clock or network: callers pass in what they need. */
const pure = [
  "^runner/evaluation/",
  "^runner/config/",
  "^runner/pipeline/plan/",
  "^runner/reporting/(report|figures|sections|checklist)/",
];

/** Libraries that one folder owns, so that each can be replaced in one place. */
const owners = {
  execa: "^runner/(execution|setup|plugins/executors)/",
  listr2: "^runner/terminal/",
  exceljs: "^runner/reporting/render/",
  saxes: "^runner/data/xlsx/",
  vega: "^runner/reporting/(render|browser)/",
  "vega-interpreter": "^runner/reporting/browser/",
  "vega-lite": "^runner/reporting/(render|browser)/",
  "@myriaddreamin/typst-ts-node-compiler": "^runner/reporting/render/",
  "@huggingface/hub": "^runner/(hub|publishing/hub)/",
  "@aws-sdk/client-s3": "^runner/publishing/remotes/",
};

const tests = "\\.test\\.ts$|^runner/testing/|/test-rig\\.ts$";
const folder = (layer) => `^runner/${layer}/`;
const isNested = (layer) => layers.some((other) => layer.startsWith(`${other}/`));
const nested = (layer) => layers.filter((other) => other.startsWith(`${layer}/`)).map(folder);

export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...layers.slice(0, -1).map((layer, at) => ({
      name: `layer-${layer}`,
      severity: "error",
      comment: `runner/${layer}/ imports from its own layer and lower ones`,
      from: { path: folder(layer), pathNot: [tests, implementations, ...nested(layer)] },
      to: {
        path: layers.slice(at + 1).map(folder),
        pathNot: layers
          .slice(0, at + 1)
          .filter(isNested)
          .map(folder),
      },
    })),
    {
      name: "implementations-are-registered",
      severity: "error",
      comment: "Code uses the registry of an extension point, never an implementation",
      from: { path: "^runner/", pathNot: [tests, implementations, "^runner/plugins/built-in\\.ts$"] },
      to: { path: implementations },
    },
    {
      name: "implementations-below-orchestration",
      severity: "error",
      from: { path: implementations, pathNot: tests },
      to: { path: ["orchestration", "commands"].map(folder) },
    },
    {
      name: "pure",
      severity: "error",
      comment: "These modules take what they need of the machine as arguments",
      from: { path: pure, pathNot: [tests] },
      to: { path: "^(node:)?(fs|child_process|os|http|https|net|worker_threads)(/|$)" },
    },
    ...Object.entries(owners).map(([library, path]) => ({
      name: `owner-of-${library}`,
      severity: "error",
      from: { path: "^runner/", pathNot: [tests, path] },
      to: { path: `node_modules/${library}/` },
    })),
    {
      name: "no-tests",
      severity: "error",
      comment: "Product code imports no test code",
      from: { path: "^runner/", pathNot: tests },
      to: { path: tests },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|runner/schemas|runner/templates)" },
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
