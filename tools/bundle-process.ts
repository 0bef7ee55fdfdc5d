import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "vite";

/**
 * Puts a script that tests start as a process, and all sources that it uses, into one file, and returns its path. From 300 files it
 * takes half a second of a processor and more to start, from one a tenth, and some tests start dozens.
 *
 * @param folder where the file is put, under the name of the script
 */
export async function bundleProcess(script: string, folder: string): Promise<string> {
  const name = `${basename(script, ".ts")}.mjs`;
  await build({
    configFile: false,
    root: dirname(script),
    logLevel: "error",
    plugins: [atItsPlace],
    // Everything is in the file, for it stands where no packages are; what is optional is looked for when it is needed.
    ssr: {
      noExternal: true,
      external: ["pg-native"],
      resolve: { conditions: ["spine-source", "module", "node"] },
    },
    build: {
      ssr: script,
      outDir: folder,
      emptyOutDir: false,
      target: "node22",
      minify: false,
      rolldownOptions: { output: { entryFileNames: name, codeSplitting: false } },
    },
  });
  return join(folder, name);
}

/** Files that a source looks for beside itself (a thread of its own) stay where they are. */
const atItsPlace: Plugin = {
  name: "at-its-place",
  enforce: "pre",
  transform(code, id) {
    const filename = id.replace(/\?.*$/, "");
    if (filename.includes("node_modules") || !code.includes("import.meta")) return null;
    const meta = { url: pathToFileURL(filename).href, dirname: dirname(filename), filename };
    return code.replaceAll(/\bimport\.meta\b/g, () => `(${JSON.stringify(meta)})`);
  },
};
