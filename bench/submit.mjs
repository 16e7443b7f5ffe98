import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { makeStudy } from "./study.mjs";

/** Submission of a sweep of 100 runs to a real Slurm with three simulated nodes, and the status of its jobs. */
export const submit = {
  name: "submit",
  async groups({ root, exp, compare, folder, quick }) {
    const title = "Slurm: a sweep of 100 runs";
    const cluster = folder("slurm");
    const script = join(root, "runner", "test", "slurm.sh");
    try {
      execFileSync(script, ["start", cluster], { stdio: "pipe" });
    } catch (error) {
      return [{ title, rows: [], note: `Not measured: ${String(error.stderr).trim().split("\n").at(-1)}.` }];
    }
    try {
      const env = { SLURM_CONF: join(cluster, "slurm.conf") };
      const study = folder("submit");
      const file = makeStudy(study, { points: quick ? 20 : 100 });
      const held = ["--set", "resources.gpus=0", "--set", "resources.slurm.extra=[--hold]"];
      const cancel = () => execFileSync("scancel", ["--user=root"], { env: { ...process.env, ...env } });
      const before = () => {
        cancel();
        rmSync(join(study, "artifacts"), { recursive: true, force: true });
      };
      const given = { cwd: study, env };
      const rows = await compare([
        {
          who: "exp run --executor slurm (target: 5 s of wall time)",
          command: [...exp, "run", file, "--executor", "slurm", ...held],
          ...{ ...given, before },
        },
        { who: "exp status", command: [...exp, "status"], ...given },
        {
          who: "only sbatch of an array of 100",
          command: ["sbatch", "--hold", "--array=0-99", "--output=/dev/null", "--wrap=true"],
          ...{ ...given, after: cancel },
        },
      ]);
      const note = "The programs that a user waits for are measured. Slurm's own processes are not included.";
      return [{ title, rows, note }];
    } finally {
      execFileSync(script, ["stop", cluster], { stdio: "pipe" });
    }
  },
};
