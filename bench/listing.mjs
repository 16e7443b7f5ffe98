import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStudy } from "./study.mjs";

/** `exp ls` over many finished runs, with and without conditions. */
export const listing = {
  name: "listing",
  async groups({ exp, compare, folder, quick }) {
    const runs = quick ? 1_000 : 10_000;
    const study = folder("listing");
    const file = makeStudy(study, { points: 1 });
    execFileSync(exp[0], [exp[1], "run", file, "--quiet"], { cwd: study });
    const bytes = multiply(join(study, "artifacts/runs/sweep"), runs);
    const all = { who: "exp ls", command: [...exp, "ls"], cwd: study, target: { cpu: 0.5 } };
    const some = ["--where", "train.rank>=16", "--where", "micro_f1>0.2", "--sort", "-micro_f1"];
    const rows = await compare([
      all,
      { ...all, who: `exp ls ${some.join(" ")}`, command: [...exp, "ls", ...some] },
      {
        ...all,
        who: "reading every manifest",
        command: [process.execPath, "-e", reading, join(study, "artifacts/runs/sweep")],
        target: undefined,
      },
    ]);
    const note = `Each manifest has ${(bytes / 1e3).toFixed(0)} kB: a training with three arms and the packages of its environment.`;
    return [{ title: `Listing ${runs.toLocaleString("en")} finished runs`, rows, note }];
  },
};

/** The cost of a listing without an index. */
const reading = `const { readdirSync, readFileSync } = require("node:fs");
let sum = 0;
for (const run of readdirSync(process.argv[1])) sum += JSON.parse(readFileSync(process.argv[1] + "/" + run + "/manifest.json", "utf8")).arms.zero_shot.raw.micro_f1;
console.log(sum);`;

/** Copies the only run as manifests of trainings that differ in rank and scores. Returns the size of a manifest in bytes. */
function multiply(folder, count) {
  const [first] = readdirSync(folder).filter((name) => name !== "latest");
  const manifest = JSON.parse(readFileSync(join(folder, first, "manifest.json"), "utf8"));
  const [arm] = Object.values(manifest.arms);
  const packages = Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`package-${at}`, `1.${at}.0`]));
  const old = new Date(Date.now() - 3_600_000);
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const run = `r${index}-${index.toString(16).padStart(8, "0")}`;
    const scored = JSON.parse(JSON.stringify(arm), (_, value) =>
      typeof value === "number" ? (value + index / count) / 2 : value,
    );
    const text = JSON.stringify(
      {
        ...manifest,
        run,
        config: {
          ...manifest.config,
          train: { backend: "torchtune", method: "lora", rank: 2 ** (index % 7), seed: index },
        },
        arms: { zero_shot: arm, tuned: scored, nearest: arm },
        provenance: { ...manifest.provenance, packages: { torchtune: packages } },
      },
      null,
      1,
    );
    bytes = text.length;
    mkdirSync(join(folder, run), { recursive: true });
    writeFileSync(join(folder, run, "manifest.json"), text);
    utimesSync(join(folder, run, "manifest.json"), old, old);
  }
  return bytes;
}
