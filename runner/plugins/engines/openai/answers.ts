import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Answer } from "./reply.ts";

/** An answer and what it answers: a case, and the number of the sample within it. */
export type Kept = Answer & { readonly id: string; readonly sample: number };

/** Answers by case and sample, each appended to a file as it comes, so that an interrupted run goes on from there. */
export type Answers = {
  readonly size: number;
  get(id: string, sample: number): Kept | undefined;
  keep(answer: Kept): void;
};

/** Opens the file; a last line that was cut off is taken out of it. */
export function openAnswers(path: string): Answers {
  const answers = new Map<string, Kept>();
  const nameOf = (id: string, sample: number): string => JSON.stringify([id, sample]);
  if (existsSync(path)) {
    const text = readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) writeFileSync(path, whole);
    for (const line of whole.split("\n")) {
      if (line === "") continue;
      const answer = JSON.parse(line) as Kept;
      answers.set(nameOf(answer.id, answer.sample), answer);
    }
  }
  return {
    get size() {
      return answers.size;
    },
    get: (id, sample) => answers.get(nameOf(id, sample)),
    keep(answer) {
      appendFileSync(path, `${JSON.stringify(answer)}\n`);
      answers.set(nameOf(answer.id, answer.sample), answer);
    },
  };
}
