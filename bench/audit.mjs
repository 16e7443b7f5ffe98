import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const datasketch = fileURLToPath(new URL("audit.py", import.meta.url));

/** The whole data audit of 100,000 rows. datasketch finds near-duplicates only. */
export const audit = {
  name: "audit",
  async groups({ exp, anchors, compare, folder, quick }) {
    const rows = quick ? 10_000 : 100_000;
    const cwd = folder("audit");
    const planted = writeStudy(cwd, rows);
    const measured = await compare(
      [
        {
          who: "exp data, all findings",
          command: [...exp, "data", "study.yaml", "--json"],
          cwd,
          after: (stdout) => {
            const near = JSON.parse(stdout)[0].findings.find(({ code }) => code === "near-duplicate")?.count;
            if (near !== planted) throw new Error(`${planted} near-duplicates are planted, ${near} found`);
          },
          target: { cpu: 60, rss: 1000 },
        },
        {
          who: "datasketch, near-duplicates only",
          command: [anchors.python("datasketch", "python"), datasketch, "train.csv"],
          cwd,
        },
      ],
      { rounds: 1 },
    );
    const note = `Texts of about 120 words. Each hundredth is a copy of another with one word changed; exp finds all ${planted}.`;
    return [{ title: `Audit of ${rows.toLocaleString("en")} rows`, rows: measured, note }];
  },
};

/** Writes texts of sentences in random order, so that many share some of them. Returns the number of near-copies. */
function writeStudy(cwd, rows) {
  let state = 11;
  const below = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const sentences = Array.from(
    { length: 5000 },
    () => `${Array.from({ length: 6 }, () => `word${below(8000)}`).join(" ")}.`,
  );
  let planted = 0;
  let before = "";
  const lines = ["id,input,answer"];
  for (let at = 0; at < rows; at++) {
    const copy = at % 100 === 99;
    const text = copy
      ? before.replace(/ \w+\.$/, " changed.")
      : Array.from({ length: 20 }, () => sentences[below(sentences.length)]).join(" ");
    if (copy) planted++;
    lines.push(`${at},${text},"label ${below(200)}, label ${below(50)}"`);
    before = text;
  }
  writeFileSync(join(cwd, "train.csv"), `${lines.join("\n")}\n`);
  writeFileSync(join(cwd, "test.csv"), `${lines[0]}\ntest,${sentences.slice(0, 20).join(" ")},label 1\n`);
  writeFileSync(join(cwd, "ask.hbs"), "{{#user}}{{input}}{{/user}}");
  writeFileSync(
    join(cwd, "study.yaml"),
    "name: study\ndata:\n  train: {file: train.csv}\n  test: {file: test.csv}\n  columns: {id: id, input: input, target: answer}\nmodel: {base: smollm2-135m}\nprompt: {template: ask.hbs}\n",
  );
  return planted;
}
