import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { least } from "./measure.mjs";
import { makeStudy, makeTrainings } from "./study.mjs";

/** Runs that Hydra launches. Each takes the same time, and 1,000 take minutes. */
const hydraRuns = 20;

/** Planning and checking a sweep of 1,000 trainings, and 1,000 replays, with an empty store. */
export const sweep = {
  name: "sweep",
  async groups({ exp, anchors, compare, folder, quick }) {
    const runs = quick ? 100 : 1000;
    const study = folder("sweep");
    const replays = makeStudy(study, { points: runs });
    const trainings = makeTrainings(study, { learningRates: 10, ranks: runs / 100, seeds: 10 });
    const planned = await compare([
      { who: "exp plan, trainings", command: [...exp, "plan", trainings], cwd: study },
      { who: "exp plan, replays", command: [...exp, "plan", replays], cwd: study },
      { who: "exp check, trainings", command: [...exp, "check", trainings], cwd: study },
      { who: "node -e 0", command: [process.execPath, "-e", "0"], cwd: study },
    ]);
    const start = least(planned.at(-1).cpu);
    const times = planned.slice(0, -1).map(({ who, cpu }) => `${who}: ${(least(cpu) / start).toFixed(1)}`);
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
    const launched = await compare([
      {
        who: `hydra -m, ${hydraRuns} runs`,
        command: [anchors.python("hydra-core", "python"), "app.py", "-m", `+seed=range(0,${hydraRuns})`],
        cwd: hydra,
        rounds: 1,
      },
    ]);
    const note = [
      `CPU time as a multiple of \`node -e 0\` in the same run: ${times.join(", ")} (target of exp plan: 8).`,
      `Hydra's row has ${hydraRuns} runs of an empty program, one after the other; its time grows with their number.`,
    ].join(" ");
    return [
      {
        title: `Planning a sweep of ${runs.toLocaleString("en")} runs`,
        rows: [...planned, ...launched],
        note,
      },
    ];
  },
};
