import { exit } from "../util/context.ts";
import { type Command, type CommandTable, defineCommand, flagOf, oneOf } from "./command.ts";

/** One command as shells complete it. */
type Completed = {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly summary: string; readonly takesValue: boolean }[];
  /** What the arguments are: files, folders, finished runs, or words of a list. */
  readonly argument: "files" | "folders" | "runs" | readonly string[];
};

const shells = ["bash", "zsh", "fish"] as const;

/** The script is made from the declarations of all commands. */
export const command = defineCommand({
  arguments: { shell: oneOf("shell", "The shell.", () => shells) },
  options: {},
  async run({ shell }, context, commands) {
    context.out(scripts[shell](await completedCommands(commands)));
    return exit.done;
  },
});

const scripts: Readonly<Record<(typeof shells)[number], (all: readonly Completed[]) => string>> = { bash, zsh, fish };

async function completedCommands(commands: CommandTable): Promise<readonly Completed[]> {
  const shown = Object.entries(commands).filter(([, { isHidden }]) => isHidden !== true);
  return Promise.all(
    shown.map(async ([name, { summary, load }]) => {
      const { command } = await load();
      const options = Object.entries(command.options).map(([key, option]) => ({
        flag: flagOf(key, option),
        summary: option.summary,
        takesValue: option.placeholder !== undefined,
      }));
      return { name, summary, options, argument: argumentOf(command) };
    }),
  );
}

/** Shells complete every argument of a command alike: words of a list, else finished runs, files or folders. */
function argumentOf(command: Command): Completed["argument"] {
  const all = Object.values(command.arguments);
  const choices = all.find((argument) => argument.choices !== undefined)?.choices;
  if (choices !== undefined) return choices();
  const kinds = { run: "runs", file: "files", dir: "folders" } as const;
  for (const [placeholder, kind] of Object.entries(kinds)) {
    if (all.some((argument) => argument.placeholder === placeholder)) return kind;
  }
  return [];
}

/** Lists experiments with finished runs. Reading the folder is faster than starting exp. */
const runsHere = "ls artifacts/runs 2>/dev/null";

function bash(all: readonly Completed[]): string {
  const offer = {
    files: 'COMPREPLY=($(compgen -f -- "$current"))',
    folders: 'COMPREPLY=($(compgen -d -- "$current"))',
    runs: 'COMPREPLY=($(compgen -d -- "$current")); _exp_runs',
  };
  const offered = (argument: Completed["argument"]): string =>
    typeof argument === "string" ? offer[argument] : `COMPREPLY=($(compgen -W "${argument.join(" ")}" -- "$current"))`;
  const cases = all.map(({ name, options, argument }) => {
    const flags = options.map(({ flag }) => flag).join(" ");
    return `    ${name}) if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "${flags} --help" -- "$current")); else ${offered(argument)}; fi ;;`;
  });
  // compgen -W would expand a name such as $(program), that is, run the program.
  return `# exp completion bash: source <(exp completion bash)
_exp_runs() {
  local folder name
  for folder in artifacts/runs/*/; do
    name="\${folder#artifacts/runs/}"
    name="\${name%/}"
    if [[ -d $folder && $name == "$current"* ]]; then COMPREPLY+=("$name"); fi
  done
}
_exp() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${all.map(({ name }) => name).join(" ")} --help --version" -- "$current"))
    return
  fi
  case "$command" in
${cases.join("\n")}
    *) COMPREPLY=() ;;
  esac
}
complete -o filenames -F _exp exp
`;
}

function zsh(all: readonly Completed[]): string {
  const quote = (text: string): string => text.replaceAll("'", "'\\''");
  const spec = (text: string): string => quote(text.replaceAll(/([[\]:\\])/g, "\\$1"));
  const offer = {
    files: "'*:file:_files'",
    folders: "'*:folder:_files -/'",
    runs: `'*:run:($(${runsHere}))'`,
  };
  const offered = (argument: Completed["argument"]): readonly string[] =>
    typeof argument === "string" ? [offer[argument]] : argument.length > 0 ? [`'*:word:(${argument.join(" ")})'`] : [];
  const cases = all.map(({ name, options, argument }) => {
    const flags = options.map(
      ({ flag, summary, takesValue }) => `'*${flag}[${spec(summary)}]${takesValue ? ":value:_files" : ""}'`,
    );
    return `    ${name}) _arguments ${[...flags, ...offered(argument)].join(" ")} ;;`;
  });
  return `#compdef exp
# exp completion zsh: save as _exp in a folder of $fpath, or: source <(exp completion zsh)
_exp() {
  local -a names
  names=(
${all.map(({ name, summary }) => `    '${name}:${spec(summary)}'`).join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command names
    return
  fi
  local name=$words[2]
  shift words
  ((CURRENT--))
  case $name in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _exp ]]; then _exp "$@"; else compdef _exp exp; fi
`;
}

function fish(all: readonly Completed[]): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const offer = { files: "-F", folders: "-x -a '(__fish_complete_directories)'", runs: `-a '(${runsHere})'` };
  const offered = (argument: Completed["argument"]): string =>
    typeof argument === "string" ? offer[argument] : argument.length > 0 ? `-x -a '${argument.join(" ")}'` : "-f";
  const lines = all.flatMap(({ name, summary, options, argument }) => {
    const within = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c exp -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`,
      `complete -c exp ${within} ${offered(argument)}`,
      ...options.map(
        ({ flag, summary, takesValue }) =>
          `complete -c exp ${within} -l ${flag.slice(2)} ${takesValue ? "-r " : ""}-d ${quote(summary)}`,
      ),
    ];
  });
  return `# exp completion fish | source\n${lines.join("\n")}\n`;
}
