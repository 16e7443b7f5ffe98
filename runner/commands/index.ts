import type { CommandTable } from "./command.ts";

/**
 * Every command of exp, in the order in which a study uses them. A command's file declares its arguments, its options and what it
 * does; it is imported only when the command is called, so that starting exp stays fast.
 */
export const commands: CommandTable = {
  init: {
    group: "Set up",
    summary: "Create a study folder: an experiment that needs no setup, prompts, labels and a README.",
    load: () => import("./init.ts"),
  },
  setup: {
    group: "Set up",
    summary: "Install the Python environments from their lock files, and the bundled models.",
    load: () => import("./setup.ts"),
  },
  doctor: {
    group: "Set up",
    summary: "Show what this machine has, and what it can run.",
    load: () => import("./doctor.ts"),
  },
  check: {
    group: "Check",
    summary: "Validate experiments and print every error with its place.",
    load: () => import("./check.ts"),
  },
  data: {
    group: "Check",
    summary: "Audit the data: leaks, duplicates, label variants, rare and unseen labels, lengths.",
    load: () => import("./data.ts"),
  },
  pin: {
    group: "Check",
    summary: "Write the commit of the model's branch or tag into the experiment file.",
    load: () => import("./pin.ts"),
  },
  preview: {
    group: "Check",
    summary: "Show prompts of training rows: text, tokens, loss mask, and the base model's answers.",
    load: () => import("./preview.ts"),
  },
  plan: {
    group: "Check",
    summary: "Show the status of each step (cached, will run, depends) and the reason. Write nothing.",
    load: () => import("./plan.ts"),
  },
  run: {
    group: "Run",
    summary: "Run the steps that are not cached, and write predictions, metrics and the workbook.",
    load: () => import("./run.ts"),
  },
  why: {
    group: "Run",
    summary: "Show the first input by which a step differs from the one that was built before.",
    load: () => import("./why.ts"),
  },
  status: {
    group: "Run",
    summary: "Show the status of submitted jobs and of runs on this machine.",
    load: () => import("./status.ts"),
  },
  logs: {
    group: "Run",
    summary: "Print the log of a submitted job, or of the steps of a run on this machine.",
    load: () => import("./logs.ts"),
  },
  cancel: {
    group: "Run",
    summary: "Cancel the jobs of a run or an experiment. Finished steps and checkpoints are kept.",
    load: () => import("./cancel.ts"),
  },
  job: {
    group: "Run",
    summary: "Run one task of a submitted plan. Submitted jobs call this command.",
    isHidden: true,
    load: () => import("./job.ts"),
  },
  ls: {
    group: "Results",
    summary: "List the finished runs of this project; filter and sort them by configuration keys and metrics.",
    load: () => import("./ls.ts"),
  },
  show: {
    group: "Results",
    summary: "Show one run: its metrics by arm, its cost and its files.",
    load: () => import("./show.ts"),
  },
  compare: {
    group: "Results",
    summary: "Compare the arms of one run, or several runs: intervals, paired tests, cost.",
    load: () => import("./compare.ts"),
  },
  diff: {
    group: "Results",
    summary: "Show the differences between two runs or manifests, and the cases whose outcome changed.",
    load: () => import("./diff.ts"),
  },
  score: {
    group: "Results",
    summary: "Compute metrics for a file of targets and predictions.",
    load: () => import("./score.ts"),
  },
  predict: {
    group: "Results",
    summary: "Answer new rows without labels with a run's model, prompts and parser.",
    load: () => import("./predict.ts"),
  },
  report: {
    group: "Results",
    summary: "Write the PDF report of one or more finished runs, and optionally an HTML page with every case.",
    load: () => import("./report.ts"),
  },
  view: {
    group: "Results",
    summary: "Serve pages about finished and running experiments on this machine.",
    load: () => import("./view.ts"),
  },
  checklist: {
    group: "Results",
    summary: "Print the MICCAI reproducibility checklist of finished runs, each item with its evidence.",
    load: () => import("./checklist.ts"),
  },
  export: {
    group: "Share and verify",
    summary: "Write a study package: report, workbook, runs, checklist, README, notebook, and exp itself.",
    load: () => import("./export.ts"),
  },
  "export-model": {
    group: "Share and verify",
    summary: "Write a run's model for llama.cpp and Ollama, quantised, and show what it lost on validation rows.",
    load: () => import("./export-model.ts"),
  },
  verify: {
    group: "Share and verify",
    summary: "Check the digest of every file of one run or of all runs.",
    load: () => import("./verify.ts"),
  },
  reproduce: {
    group: "Share and verify",
    summary: "Run a finished run again in an empty store, and compare the outputs.",
    load: () => import("./reproduce.ts"),
  },
  upload: {
    group: "Share and verify",
    summary: "Upload a run's model to the Hugging Face Hub if all pre-publish checks pass. Safe to repeat.",
    load: () => import("./upload.ts"),
  },
  push: {
    group: "Share and verify",
    summary: "Copy runs with all their files to a private folder, bucket or data set repository.",
    load: () => import("./push.ts"),
  },
  pull: {
    group: "Share and verify",
    summary: "Copy pushed runs into this project, and check each file. Without a run, list the pushed runs.",
    load: () => import("./pull.ts"),
  },
  gc: {
    group: "Maintain",
    summary: "Delete stored files that no run refers to.",
    load: () => import("./gc.ts"),
  },
  schema: {
    group: "Maintain",
    summary: "Print the JSON Schema of experiment files, for editors.",
    load: () => import("./schema.ts"),
  },
  completion: {
    group: "Maintain",
    summary: "Print the completion script of a shell.",
    load: () => import("./completion.ts"),
  },
};
