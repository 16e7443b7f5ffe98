/**
 * esbuild makes one chunk of all modules that the same entry points need. With many commands these are many small files,
 * and Node takes longer to find and link them than to compile their code.
 */
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";

/**
 * An esbuild plugin that puts what the modules of a group need into one chunk. Each group includes those before it. An
 * entry point that needs any module of a group imports the whole group. `metafile` is of a build without the plugin. Its
 * paths, and those of the modules in `groups`, are relative to `root`.
 */
export function fewerChunks({ inputs, outputs }, root, groups) {
  const bundled = new Set(Object.values(outputs).flatMap((output) => Object.keys(output.inputs)));
  const imports = (module, isWanted) =>
    (inputs[module]?.imports ?? [])
      .filter(({ path, kind }) => bundled.has(path) && isWanted(kind))
      .map(({ path }) => path);
  const needsOf = (modules) => {
    const needed = new Set(modules);
    for (const module of needed)
      for (const path of imports(module, (kind) => kind !== "dynamic-import")) needed.add(path);
    return needed;
  };
  const own = (modules) => [...modules].filter((path) => path.startsWith("runner/"));
  const whole = groups.map((modules) => own(needsOf(modules)));
  const lazy = new Set([...bundled].flatMap((module) => imports(module, (kind) => kind === "dynamic-import")));
  const groupOf = new Map(
    own(lazy).flatMap((entry) => {
      const needed = needsOf([entry]);
      const group = whole.findLastIndex((modules, at) =>
        modules.some((module) => needed.has(module) && !whole[at - 1]?.includes(module)),
      );
      return group < 0 ? [] : [[join(root, entry), group]];
    }),
  );
  return {
    name: "fewer-chunks",
    setup({ onLoad, onResolve }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const group = groupOf.get(path);
        if (group === undefined) return undefined;
        return {
          contents: `${readFileSync(path, "utf8")}\nimport "group:${group}";\n`,
          loader: extname(path).slice(1),
        };
      });
      onResolve({ filter: /^group:/ }, ({ path }) => ({ path, namespace: "group" }));
      onLoad({ filter: /^group:/, namespace: "group" }, ({ path }) => ({
        contents: whole[Number(path.slice("group:".length))]
          .map((one) => `import ${JSON.stringify(`./${one}`)};`)
          .join("\n"),
        resolveDir: root,
      }));
    },
  };
}
