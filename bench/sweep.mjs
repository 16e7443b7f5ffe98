import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStudy } from "./study.mjs";

/** Runs that Hydra launches. Each takes the same time, and 1,000 take minutes. */
const hydraRuns = 20;

/** Planning a sweep of 1,000 runs with an empty store. */
export const sweep = {
  name: "sweep",
  async groups({ exp, anchors, compare, folder, quick }) {
    const runs = quick ? 100 : 1000;
    const study = folder("sweep");
    const file = makeStudy(study, { points: runs });
    const hydra = folder("hydra");
    writeFileSync(
      join(hydra, "app.py"),
      `import hydra


@hydra.main(version_base=None)
def main(config):
    pass


main()
`,
    );
    const rows = await compare([
      { who: "exp plan", command: [...exp, "plan", file], cwd: study, target: { cpu: 0.5, rss: 150 } },
      {
        who: `hydra -m, ${hydraRuns} runs`,
        command: [anchors.python("hydra-core", "python"), "app.py", "-m", `+seed=range(0,${hydraRuns})`],
        cwd: hydra,
        rounds: 1,
      },
    ]);
    const note = `Hydra's row has ${hydraRuns} runs of an empty program, one after the other; its time grows with their number.`;
    return [{ title: `Planning a sweep of ${runs.toLocaleString("en")} runs`, rows, note }];
  },
};
