import { seeded } from "./faults.ts";
import type { Rig } from "./rig.ts";

const labels = Array.from("abcdefghijkl", (letter) => `finding ${letter}`);

/**
 * Writes three experiments with replayed answers to the same 90 cases, enough for intervals and tests. `a` is the best one and
 * is compared with `b` and `c`.
 */
export function addComparedStudy(rig: Rig): void {
  const random = seeded(1);
  const pick = (): string => labels[Math.floor(labels.length * random() ** 2)] as string;
  const rows = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, at) => ({
      id: `${prefix}-${at}`,
      gold: [...new Set(Array.from({ length: 1 + Math.floor(4 * random()) }, pick))],
    }));
  const table = (cases: ReturnType<typeof rows>): string =>
    ["id,text,labels", ...cases.map(({ id, gold }) => `${id},Report ${id} says ${random()},"${gold.join(", ")}"`)]
      .join("\n")
      .concat("\n");
  const test = rows("test", 90);
  rig.write("experiments/data/cases.csv", table(test));
  rig.write("experiments/data/rows.csv", table(rows("train", 120)));
  for (const [name, found] of [
    ["a", 0.85],
    ["b", 0.74],
    ["c", 0.8],
  ] as const) {
    const answers = test.map(({ id, gold }) => {
      const named = gold.filter(() => random() < found);
      const added = random() < 0.3 ? [random() < 0.3 ? "something else" : pick()] : [];
      return `${JSON.stringify({ id, text: [...new Set([...named, ...added])].join(", ") })}\n`;
    });
    rig.write(`experiments/data/${name}.jsonl`, answers.join(""));
    rig.write(
      `experiments/${name}.yaml`,
      `name: ${name}
data:
  train: {file: data/rows.csv}
  test: {file: data/cases.csv}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: replay, file: data/${name}.jsonl}
evaluate: {primary: {view: raw}}
baselines: []
${name === "a" ? "compare: [b, c]\n" : ""}`,
    );
  }
}
