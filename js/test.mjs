// Bundles each tests/*.test.ts(x) with esbuild and runs them all with Node's own test runner.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { stylesPlugin } from "./build.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("node_modules/.cache/tests/");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const tests = readdirSync(here("tests")).filter((name) => /\.test\.tsx?$/.test(name));
await esbuild.build({
  entryPoints: tests.map((name) => here(`tests/${name}`)),
  bundle: true,
  platform: "node",
  format: "esm",
  outdir: out,
  outExtension: { ".js": ".mjs" },
  target: "node20",
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["happy-dom"],
  sourcemap: "inline",
  plugins: [stylesPlugin],
  logLevel: "warning",
});
const files = readdirSync(out).map((name) => out + name);
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
process.exit(run.status ?? 1);
