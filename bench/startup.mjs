/** The cost of a command that does nothing. */
export const startup = {
  name: "startup",
  async groups({ exp, anchors, compare, folder }) {
    const cwd = folder("startup");
    const run = (who, command, target) => ({ who, command, cwd, target });
    return [
      {
        title: "Start-up",
        rows: await compare([
          run("exp --version", [...exp, "--version"], { cpu: 0.1, rss: 60 }),
          run("exp --help", [...exp, "--help"], { cpu: 0.1, rss: 60 }),
          run("node -e 0", [process.execPath, "-e", "0"]),
          run("dvc --version", [anchors.python("dvc"), "--version"]),
        ]),
      },
    ];
  },
};
