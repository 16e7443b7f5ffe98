import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { isNumber, isText, optional, shape } from "../../../util/shape.ts";
import { type Answer, finishes } from "./reply.ts";

/** An answer with the case that it belongs to and the number of the sample within that case, from 0. */
export type StoredAnswer = Answer & { readonly id: string; readonly sample: number };

/** Answers by case and sample. Each is appended to a file on arrival, so that an interrupted step resumes from it. */
export type Answers = {
  readonly size: number;
  get(id: string, sample: number): StoredAnswer | undefined;
  add(answer: StoredAnswer): void;
};

/** Opens the file and removes an incomplete last line from it. */
export function openAnswers(path: string): Answers {
  const answers = new Map<string, StoredAnswer>();
  const nameOf = (id: string, sample: number): string => JSON.stringify([id, sample]);
  if (existsSync(path)) {
    const text = readFileSync(path, "utf8");
    const complete = text.slice(0, text.lastIndexOf("\n") + 1);
    if (complete.length < text.length) writeFileSync(path, complete);
    for (const line of complete.split("\n")) {
      // A power cut can leave a torn line. Its case is answered again.
      const answer = storedAnswer(line);
      if (answer !== undefined) answers.set(nameOf(answer.id, answer.sample), answer);
    }
  }
  return {
    get size() {
      return answers.size;
    },
    get: (id, sample) => answers.get(nameOf(id, sample)),
    add(answer) {
      appendFileSync(path, `${JSON.stringify(answer)}\n`);
      answers.set(nameOf(answer.id, answer.sample), answer);
    },
  };
}

function storedAnswer(line: string): StoredAnswer | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isStoredAnswer(value) ? (value as StoredAnswer) : undefined;
  } catch {
    return undefined;
  }
}

const isStoredAnswer = shape({
  id: isText,
  sample: isNumber,
  text: isText,
  finish: (value) => [...finishes.values()].some((finish) => finish === value),
  prompt_tokens: optional(isNumber),
  new_tokens: optional(isNumber),
  logprob: optional(isNumber),
});
