/** Replaces the recipe of the TF-IDF baseline by Python code of a test, which needs no library. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rig } from "./rig.ts";

/** Arguments that add the baseline to the replayed study. */
export const withBaseline = ["--set", "baselines=[tfidf_svm]"];

/** Python code that sets `rows` to answers for the nine test cases of the study. */
export const answer = 'rows = "".join(\'{"id": "test-%d", "labels": ["x"]}\\n\' % i for i in range(9))';

/** Installs a copy of exp whose baseline runs `body`. */
export function replaceBaseline(rig: Rig, body: string): void {
  rig.usePython();
  writeFileSync(join(rig.ownPackage(), "recipes/baselines/tfidf_svm.py"), recipe(body));
}

/** Replaces the recipe of the copy again. */
export function editBaseline(rig: Rig, body: string): void {
  writeFileSync(join(rig.package, "recipes/baselines/tfidf_svm.py"), recipe(body));
}

function recipe(body: string): string {
  const lines = body.split("\n").map((line) => `    ${line}`);
  const head = [
    "import os, subprocess, sys, time",
    "from recipes.common.protocol import *",
    "def run(step):",
    '    (step.output / "margins.jsonl").write_text("")',
  ];
  return `${[...head, ...lines, 'if __name__ == "__main__":', "    main(run)"].join("\n")}\n`;
}
