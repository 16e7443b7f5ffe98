import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Duration of all steps in seconds. The processor time of the view is a share of it. */
const seconds = 20;
const steps = 1000;
/** Concurrent steps. Each reports its progress five times a second. */
const concurrent = 8;

const runner = fileURLToPath(new URL("../runner/", import.meta.url));

/** Passes the events of a sweep to a reporter, and does nothing else. */
const ours = `
import { liveReporter } from "${runner}terminal/live-reporter.ts";
const reporter = liveReporter({ tty: true, color: true, columns: 120, out: (text) => process.stdout.write(text), err: () => {}, stop: new AbortController().signal });
const ids = Array.from({ length: ${steps} }, (_, at) => \`train@\${String(at).padStart(8, "0")}\`);
reporter.event({ type: "plan", runs: ${steps}, steps: ids.map((id, at) => ({ id, kind: "train", status: "run", reason: "", run: \`train.seed=\${at}\` })) });
await play(ids, (id) => (reporter.event({ type: "step-start", step: id, kind: "train" }), reporter.event({ type: "step-begun", step: id })), (id, done) => reporter.event({ type: "progress", step: id, done, total: 10, loss: 1, unit: "steps" }), (id) => reporter.event({ type: "step-end", step: id, status: "built", seconds: 1 }));
await reporter.close();
`;

const play = `
async function play(ids, start, progress, end) {
  const waiting = [...ids];
  const each = ${(seconds * concurrent) / steps};
  await Promise.all(Array.from({ length: ${concurrent} }, async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      start(id);
      const until = Date.now() + each * 1000;
      for (let count = 1; Date.now() < until; count++) {
        progress(id, count);
        await new Promise((resolve) => setTimeout(resolve, Math.min(200, Math.max(1, until - Date.now()))));
      }
      end(id);
    }
  }));
}
`;

/** The same steps as tasks of a plain listr2 list, which draws all of them. It takes much longer than the steps, so it is stopped. */
const plain = `
import { Listr } from "listr2";
const ids = Array.from({ length: ${steps} }, (_, at) => \`train@\${String(at).padStart(8, "0")}\`);
const begun = new Map();
const ended = new Map();
const tasks = ids.map((id) => ({ title: id, task: (_, task) => new Promise((resolve) => { begun.set(id, task); ended.set(id, resolve); }) }));
const done = new Listr(tasks, { concurrent: true }).run();
await new Promise((resolve) => setTimeout(resolve, 100));
await play(ids, () => {}, (id, count) => { begun.get(id).title = \`\${id} \${count}/10\`; }, (id) => ended.get(id)());
await done;
`;

/** The cost of a live view of 1,000 steps. */
export const live = {
  name: "live",
  async groups({ compare, folder }) {
    const dir = folder("live");
    const command = async (name, text) => {
      const entry = join(dir, `${name}.ts`);
      writeFileSync(entry, text + play);
      const outfile = join(dir, `${name}.mjs`);
      const packages = fileURLToPath(new URL("../node_modules", import.meta.url));
      await build({
        ...{ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", nodePaths: [packages] },
        banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      });
      return [
        "script",
        "-qec",
        `stty cols 120 rows 40; timeout --foreground -s INT -k 1 ${seconds + 5} ${process.execPath} ${outfile} || true`,
        "/dev/null",
      ];
    };
    const rows = await compare([
      {
        who: "live view",
        command: await command("ours", ours),
        cwd: dir,
        rounds: 1,
        target: { cpu: seconds / 10 },
      },
      { who: "listr2, one task for each step", command: await command("plain", plain), cwd: dir, rounds: 1 },
    ]);
    const note = `${steps} steps over ${seconds} s, ${concurrent} at a time, in a terminal of 40 rows. CPU seconds include the start of Node. A tenth of a core is ${seconds / 10} s. The plain list is stopped after ${seconds + 5} s.`;
    return [{ title: `The live view of ${steps.toLocaleString("en")} steps`, rows, note }];
  },
};
