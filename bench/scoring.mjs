import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sklearn = fileURLToPath(new URL("scoring.py", import.meta.url));

/** Scoring 100,000 cases over 500 labels in one pass. */
export const scoring = {
  name: "scoring",
  async groups({ exp, anchors, compare, folder, quick }) {
    const cases = quick ? 10_000 : 100_000;
    const cwd = folder("scoring");
    writeCases(join(cwd, "cases.jsonl"), cases, 500);
    let ours;
    let theirs;
    const rows = await compare(
      [
        {
          who: "exp score, three label views",
          command: [...exp, "score", "cases.jsonl", "--json"],
          cwd,
          after: (stdout) => (ours = JSON.parse(stdout).views.raw),
          target: { cpu: 5, rss: 500 },
        },
        {
          who: "scikit-learn, one label view",
          command: [anchors.python("scikit-learn", "python"), sklearn, "cases.jsonl"],
          cwd,
          after: (stdout) => (theirs = JSON.parse(stdout)),
        },
      ],
      { rounds: 3 },
    );
    for (const [name, value] of Object.entries(theirs)) {
      if (Math.abs(value - ours[name]) > 1e-9) throw new Error(`${name}: scikit-learn ${value}, exp ${ours[name]}`);
    }
    const note = `Both give the same ${Object.keys(theirs).length} metrics to 1e-9. The target is for a pass with bootstrap samples.`;
    return [{ title: `Scoring ${cases.toLocaleString("en")} cases over 500 labels`, rows, note }];
  },
};

/** One to five labels a case, a long tail, two thirds of them predicted. */
function writeCases(path, cases, labels) {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const label = () => `label ${Math.floor(labels * random() ** 2)}`;
  const lines = Array.from({ length: cases }, (_, id) => {
    const gold = [...new Set(Array.from({ length: 1 + Math.floor(5 * random()) }, label))];
    const pred = [...new Set(gold.map((one) => (random() < 0.66 ? one : label())))];
    return `${JSON.stringify({ id: String(id), gold, pred })}\n`;
  });
  writeFileSync(path, lines.join(""));
}
