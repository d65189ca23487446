// Builds the two files that the kernel sends to a page:
//   loader.js  the `_esm` of every panel; a few hundred bytes
//   panel.js   everything else, styles included; reaches a page once
// and THIRD_PARTY.txt, the licences of what is bundled.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../jobs_jupyter/notebook/static/");
const target = "es2022";

/** Our stylesheet, and xterm's under our root: JupyterLab brings another version's global one. */
export async function styles() {
  const xterm = await readFile(here("node_modules/@xterm/xterm/css/xterm.css"), "utf8");
  const ours = await readFile(here("src/panel.css"), "utf8");
  const source = `.jobs-jupyter {\n${xterm}\n}\n${ours}`;
  const browsers = ["chrome105", "firefox110", "safari16"];
  return (await esbuild.transform(source, { loader: "css", minify: true, target: browsers })).code;
}

/** Makes `import css from "jobs-jupyter:styles"` give the stylesheet as a string. */
export const stylesPlugin = {
  name: "styles",
  setup(build) {
    build.onResolve({ filter: /^jobs-jupyter:styles$/ }, () => ({ path: "styles", namespace: "styles" }));
    build.onLoad({ filter: /.*/, namespace: "styles" }, async () => ({
      contents: await styles(),
      loader: "text",
    }));
  },
};

async function bundle(entry, file) {
  const result = await esbuild.build({
    entryPoints: [here(entry)],
    bundle: true,
    format: "esm",
    minify: true,
    target,
    charset: "utf8",
    legalComments: "none",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [stylesPlugin],
    write: false,
    logLevel: "warning",
  });
  const code = result.outputFiles[0].contents;
  await writeFile(out + file, code);
  console.log(`${file.padEnd(10)} ${(code.length / 1024).toFixed(1)} KiB`);
}

/** The licences of the packages that panel.js contains. */
async function licences() {
  const { dependencies } = JSON.parse(await readFile(here("package.json"), "utf8"));
  const texts = Object.entries(dependencies).map(async ([name, version]) => {
    const text = await readFile(here(`node_modules/${name}/LICENSE`), "utf8");
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  await writeFile(`${out}THIRD_PARTY.txt`, (await Promise.all(texts)).join("\n\n"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(out, { recursive: true });
  await bundle("src/loader.ts", "loader.js");
  await bundle("src/panel.tsx", "panel.js");
  await licences();
}
