import { environments } from "../setup/environments.ts";
import { type Act, exit } from "../util/context.ts";
import { type CommandSpec, commands } from "./index.ts";

/** What stands behind a command's name, as its usage says: shells offer files, finished runs or words. */
type Argument = "files" | "runs" | "folders" | "shells" | "backends" | "nothing";

/** One command as shells complete it. */
type Completed = {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly summary: string; readonly takesValue: boolean }[];
  readonly argument: Argument;
};

const words = { shells: ["bash", "zsh", "fish"], backends: Object.keys(environments) } as const;

/** `exp completion SHELL`: a script made from the registry of commands, so that it never offers what is not there. */
export const command: Act = async ([shell], _options, context) => {
  const write = scripts[shell as string];
  if (write === undefined) {
    context.err(`exp completion: no shell "${shell}": bash, zsh or fish\n`);
    return exit.invalid;
  }
  context.out(write(commands.filter(({ hidden }) => hidden !== true).map(completed)));
  return exit.done;
};

const scripts: Readonly<Record<string, (all: readonly Completed[]) => string>> = { bash, zsh, fish };

function completed({ usage, summary, options }: CommandSpec): Completed {
  const [name = "", ...rest] = usage.split(" ");
  return {
    name,
    summary,
    options: options.map(([flags, description]) => ({
      flag: /--[\w-]+/.exec(flags)?.[0] ?? flags,
      summary: description,
      takesValue: /[<[]/.test(flags),
    })),
    argument: argumentOf(rest.join(" ")),
  };
}

function argumentOf(usage: string): Argument {
  if (/\bshell\b/.test(usage)) return "shells";
  if (/\bbackend\b/.test(usage)) return "backends";
  if (/\brun\b|<a>/.test(usage)) return "runs";
  if (/\bfile\b/.test(usage)) return "files";
  return /\bdir\b/.test(usage) ? "folders" : "nothing";
}

/** Experiments that have finished runs: one word each, from the folders, which is faster than asking exp. */
const runsHere = "ls artifacts/runs 2>/dev/null";

function bash(all: readonly Completed[]): string {
  const offer: Readonly<Record<Argument, string>> = {
    files: 'COMPREPLY=($(compgen -f -- "$current"))',
    folders: 'COMPREPLY=($(compgen -d -- "$current"))',
    runs: `COMPREPLY=($(compgen -W "$(${runsHere})" -- "$current") $(compgen -d -- "$current"))`,
    shells: `COMPREPLY=($(compgen -W "${words.shells.join(" ")}" -- "$current"))`,
    backends: `COMPREPLY=($(compgen -W "${words.backends.join(" ")}" -- "$current"))`,
    nothing: "COMPREPLY=()",
  };
  const cases = all.map(({ name, options, argument }) => {
    const flags = options.map(({ flag }) => flag).join(" ");
    return `    ${name}) if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "${flags} --help" -- "$current")); else ${offer[argument]}; fi ;;`;
  });
  return `# exp completion bash: source <(exp completion bash)
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
  const offer: Readonly<Record<Argument, string>> = {
    files: "'*:file:_files'",
    folders: "'*:folder:_files -/'",
    runs: `'*:run:($(${runsHere}))'`,
    shells: `'*:shell:(${words.shells.join(" ")})'`,
    backends: `'*:backend:(${words.backends.join(" ")})'`,
    nothing: "",
  };
  const cases = all.map(({ name, options, argument }) => {
    const flags = options.map(
      ({ flag, summary, takesValue }) => `'*${flag}[${spec(summary)}]${takesValue ? ":value:_files" : ""}'`,
    );
    return `    ${name}) _arguments ${[...flags, offer[argument]].filter((one) => one !== "").join(" ")} ;;`;
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
  const offer: Readonly<Record<Argument, string>> = {
    files: "-F",
    folders: "-x -a '(__fish_complete_directories)'",
    runs: `-a '(${runsHere})'`,
    shells: `-x -a '${words.shells.join(" ")}'`,
    backends: `-x -a '${words.backends.join(" ")}'`,
    nothing: "-f",
  };
  const lines = all.flatMap(({ name, summary, options, argument }) => {
    const within = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c exp -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`,
      `complete -c exp ${within} ${offer[argument]}`,
      ...options.map(
        ({ flag, summary, takesValue }) =>
          `complete -c exp ${within} -l ${flag.slice(2)} ${takesValue ? "-r " : ""}-d ${quote(summary)}`,
      ),
    ];
  });
  return `# exp completion fish | source\n${lines.join("\n")}\n`;
}
