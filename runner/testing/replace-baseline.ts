/** A Python step that does what a test wants: a recipe that stands in for the TF-IDF baseline's and needs no library. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rig } from "./rig.ts";

/** Settings that make the replayed study run the baseline. */
export const withBaseline = ["--set", "baselines=[tfidf_svm]"];

/** Lines of a recipe: answers to the study's nine test cases as `rows`. */
export const answer = 'rows = "".join(\'{"id": "test-%d", "labels": ["x"]}\\n\' % i for i in range(9))';

/** Puts a recipe of our own in place of the baseline's. */
export function replaceBaseline(rig: Rig, body: string): void {
  rig.usePython();
  writeFileSync(join(rig.ownPackage(), "recipes/baselines/tfidf_svm.py"), recipe(body));
}

/** Writes the replaced recipe once more. */
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
