import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepsPerPoint } from "./study.mjs";

/** The file that is copied along each chain. */
const text = "x\n";
const md5 = createHash("md5").update(text).digest("hex");

/**
 * The same graph for other build tools: `points` chains of four steps. Each step copies the file of the step before. A tool is {who, command, cwd, env?, clean(), fill?()}.
 */
export function makeChains(folder, points, anchors) {
  const tool = (who, write) => {
    const cwd = join(folder, who);
    mkdirSync(join(cwd, "out"), { recursive: true });
    writeFileSync(join(cwd, "in.txt"), text);
    const clean = (...more) => {
      rmSync(join(cwd, "out"), { recursive: true, force: true });
      mkdirSync(join(cwd, "out"));
      for (const name of more) rmSync(join(cwd, name), { recursive: true, force: true });
    };
    return { who, cwd, ...write(cwd, clean) };
  };
  const steps = Array.from({ length: points * stepsPerPoint }, (_, number) => ({
    name: `s${number}`,
    from: number % stepsPerPoint === 0 ? undefined : `s${number - 1}`,
    input: number % stepsPerPoint === 0 ? "in.txt" : `out/s${number - 1}`,
    output: `out/s${number}`,
  }));

  return {
    make: () =>
      tool("make", (cwd, clean) => {
        const rules = steps.map(({ input, output }) => `${output}: ${input}\n\t@cp ${input} ${output}\n`);
        writeFileSync(join(cwd, "Makefile"), `all: ${steps.map(({ output }) => output).join(" ")}\n${rules.join("")}`);
        return { command: ["make", "-s"], clean };
      }),

    doit: () =>
      tool("doit", (cwd, clean) => {
        writeFileSync(
          join(cwd, "dodo.py"),
          `DOIT_CONFIG = {"verbosity": 0}


def task_s():
    for name, read, write in ${JSON.stringify(steps.map(({ name, input, output }) => [name, input, output]))}:
        yield {"name": name, "actions": [f"cp {read} {write}"], "file_dep": [read], "targets": [write]}
`,
        );
        return {
          command: [anchors.python("doit")],
          clean: () => clean(".doit.db", ".doit.db.db", ".doit.db.dat", ".doit.db.dir"),
        };
      }),

    /** In the usual style: a rule for each of the four steps, with the point as a wildcard. */
    snakemake: () =>
      tool("snakemake", (cwd, clean) => {
        const last = `out/{point}.${stepsPerPoint - 1}`;
        const rules = Array.from({ length: stepsPerPoint }, (_, step) => {
          const input = step === 0 ? "in.txt" : `out/{point}.${step - 1}`;
          return `rule s${step}:\n    input: "${input}"\n    output: "out/{point}.${step}"\n    shell: "cp {input} {output}"\n`;
        });
        writeFileSync(
          join(cwd, "Snakefile"),
          `rule all:\n    input: expand("${last}", point=range(${points}))\n\n${rules.join("\n")}`,
        );
        const command = [anchors.python("snakemake"), "--quiet", "all", "--cores", "1"];
        return { command, clean: () => clean(".snakemake") };
      }),

    wireit: () =>
      tool("wireit", (cwd, clean) => {
        const scripts = { all: "wireit" };
        const wireit = { all: { dependencies: steps.map(({ name }) => name) } };
        for (const { name, from, input, output } of steps) {
          scripts[name] = "wireit";
          wireit[name] = {
            command: `cp ${input} ${output}`,
            files: [input],
            output: [output],
            ...(from === undefined ? {} : { dependencies: [from] }),
          };
        }
        writeFileSync(join(cwd, "package.json"), JSON.stringify({ private: true, scripts, wireit }));
        // The variables that npm sets. The start of npm is not measured.
        const env = {
          npm_lifecycle_event: "all",
          npm_package_json: join(cwd, "package.json"),
          npm_config_user_agent: "npm/10",
          npm_execpath: "npm",
          WIREIT_LOGGER: "quiet-ci",
          WIREIT_CACHE: "local",
        };
        const command = [process.execPath, join(anchors.node("wireit"), "bin", "wireit.js")];
        return { command, env, clean: () => clean(".wireit") };
      }),

    dvc: () =>
      tool("dvc", (cwd, clean) => {
        const stages = steps.map(
          ({ name, input, output }) =>
            `  ${name}:\n    cmd: cp ${input} ${output}\n    deps: [${input}]\n    outs: [${output}]\n`,
        );
        writeFileSync(join(cwd, "dvc.yaml"), `stages:\n${stages.join("")}`);
        initDvc(cwd);
        return {
          command: [anchors.python("dvc"), "repro", "-q"],
          env: dvcEnvironment,
          clean() {
            clean("dvc.lock", ".dvc");
            initDvc(cwd);
          },
          /** All outputs and the lock file of a run. dvc takes many minutes to execute 1,000 stages. */
          fill() {
            clean("dvc.lock", ".dvc");
            initDvc(cwd);
            const file = (path) => `    - {path: ${path}, hash: md5, md5: ${md5}, size: ${text.length}}\n`;
            const locked = steps.map(({ name, input, output }) => {
              writeFileSync(join(cwd, output), text);
              return `  ${name}:\n    cmd: cp ${input} ${output}\n    deps:\n${file(input)}    outs:\n${file(output)}`;
            });
            writeFileSync(join(cwd, "dvc.lock"), `schema: '2.0'\nstages:\n${locked.join("")}`);
          },
        };
      }),
  };
}

/** Telemetry does not count as dvc's work. */
export const dvcEnvironment = { DVC_NO_ANALYTICS: "1" };

/** The files of `dvc init --no-scm`. */
export function initDvc(cwd) {
  mkdirSync(join(cwd, ".dvc"), { recursive: true });
  writeFileSync(
    join(cwd, ".dvc", "config"),
    "[core]\n    no_scm = True\n    analytics = False\n    check_update = False\n",
  );
}
