import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { makeStudy } from "./study.mjs";

/** The cost of a store with very many entries of other studies, compared with the same study alone. */
export const entries = {
  name: "entries",
  async groups({ exp, compare, folder, bundle, quick }) {
    const count = quick ? 10_000 : 100_000;
    const [small, large] = [folder("entries-own"), folder("entries-many")];
    const file = makeStudy(small, { points: 3 });
    execFileSync(exp[0], [exp[1], "run", file, "--quiet"], { cwd: small });
    cpSync(small, large, { recursive: true, verbatimSymlinks: true });
    const fill = await bundle(
      "entries",
      `import { fillStore } from "./runner/testing/large-store.ts"; fillStore(process.argv[2], Number(process.argv[3]));`,
    );
    execFileSync(process.execPath, [fill, join(large, "artifacts"), String(count)]);
    const among = `among ${count.toLocaleString("en")}`;
    const both = (title, ...args) => ({
      title: `${title} ${among} entries`,
      subjects: [
        { who: `exp ${args[0]}, own entries only`, command: [...exp, ...args], cwd: small },
        { who: `exp ${args[0]} ${among}`, command: [...exp, ...args], cwd: large },
      ],
    });
    const groups = [
      both("Planning", "plan", file),
      both("A cached run", "run", file, "--quiet"),
      both("Listing runs", "ls"),
      both("What gc would collect", "gc", "--dry-run"),
      both("Verifying the store", "verify", "--store"),
    ];
    const measured = [];
    for (const { title, subjects } of groups) measured.push({ title, rows: await compare(subjects, { rounds: 3 }) });
    return measured;
  },
};
