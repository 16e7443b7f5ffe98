import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeChains } from "./chains.mjs";
import { makeStudy, stepsPerPoint } from "./study.mjs";

/** Points of a sweep -> target for a cached run of its steps. */
const cachedTargets = { 3: { cpu: 0.2, rss: 120 }, 25: { cpu: 0.25, rss: 120 }, 250: { cpu: 0.5, rss: 120 } };
/** From this number of points on, dvc and Snakemake take minutes: dvc's time grows with the square. */
const tooManyForSlow = 250;

/** Runs of 12, 100 and 1,000 steps: executed, cached, planned and explained, compared with other build tools. */
export const steps = {
  name: "steps",
  async groups(bench) {
    const sizes = bench.quick ? [3, 25] : [3, 25, 250];
    const groups = [];
    for (const points of sizes) groups.push(...(await ofSize(points, points === sizes.at(-1), bench)));
    return groups;
  },
};

async function ofSize(points, isLargest, { exp, anchors, compare, folder }) {
  const count = points * stepsPerPoint;
  const study = folder(`study-${points}`);
  const file = makeStudy(study, { points });
  const chains = makeChains(folder(`chains-${points}`), points, anchors);
  const [make, doit, wireit] = [chains.make(), chains.doit(), chains.wireit()];
  const [snakemake, dvc] = [chains.snakemake(), chains.dvc()];
  const quick = [make, doit, wireit];
  const subject = ({ who, command, cwd, env }) => ({ who, command, cwd, env });
  const run = { who: "exp run", command: [...exp, "run", "--quiet", file], cwd: study };

  const executed = await compare(
    [
      {
        ...run,
        ...(isLargest ? { target: { each: 5 } } : {}),
        before: () => rmSync(join(study, "artifacts"), { recursive: true, force: true }),
      },
      ...quick.map((tool) => ({ ...subject(tool), before: tool.clean })),
      ...(points < tooManyForSlow
        ? [snakemake, dvc].map((tool) => ({ ...subject(tool), before: tool.clean, rounds: 1 }))
        : []),
    ],
    { rounds: 3 },
  );

  if (points >= tooManyForSlow) {
    dvc.fill();
    await compare([{ ...subject(dvc), rounds: 1 }]);
  }
  const cached = await compare([
    { ...run, target: cachedTargets[points] },
    ...quick.map(subject),
    ...(points < tooManyForSlow ? [{ ...subject(snakemake), rounds: 1 }] : []),
    { ...subject(dvc), rounds: 1 },
  ]);
  const groups = [
    {
      title: `${count} steps, none of them cached`,
      each: { name: "CPU ms a step", scale: 1000 / count },
      rows: executed,
    },
    { title: `${count} steps, all of them cached`, rows: cached },
  ];
  if (!isLargest) return groups;

  const before = listing(study);
  const planned = await compare([
    { who: "exp plan", command: [...exp, "plan", file], cwd: study, target: { cpu: 0.5 } },
    { who: "exp why", command: [...exp, "why", "sweep", "evaluate.zero_shot"], cwd: study, target: { cpu: 0.5 } },
    { ...subject(snakemake), who: "snakemake --dry-run", command: [...snakemake.command, "--dry-run"], rounds: 1 },
    { ...subject(dvc), who: "dvc repro --dry", command: [...dvc.command, "--dry"], rounds: 1 },
  ]);
  if (listing(study) !== before) throw new Error("exp plan or exp why wrote into the study's folder");
  const note = "The study's folder was listed before and after plan and why: no file's size or times changed.";
  return [...groups, { title: `Planning and explaining ${count} cached steps`, rows: planned, note }];
}

function listing(folder) {
  return readdirSync(folder, { recursive: true })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ctimeMs } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs} ${ctimeMs}`;
    })
    .join("\n");
}
