// Bundles the page: bundle.mjs MODULES OUT [--tests]. MODULES is the folder in which npm put
// node_modules. With --tests the unit tests are bundled instead, for node's own runner.
import {createRequire} from "node:module";
import {copyFileSync, mkdirSync, readdirSync, rmSync} from "node:fs";
import path from "node:path";
import {fileURLToPath} from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const [modules, out, mode] = process.argv.slice(2).map((word) => (word.startsWith("--") ? word : path.resolve(word)));
const esbuild = createRequire(path.join(modules, "package.json"))("esbuild");
const common = {
  bundle: true,
  format: "esm",
  logLevel: "warning",
  nodePaths: [path.join(modules, "node_modules")],
};

mkdirSync(out, {recursive: true});
if (mode === "--tests") {
  rmSync(out, {recursive: true, force: true});
  const tests = readdirSync(path.join(here, "test")).filter((name) => name.endsWith(".test.ts"));
  await esbuild.build({
    ...common,
    entryPoints: tests.map((name) => path.join(here, "test", name)),
    outdir: out,
    outExtension: {".js": ".mjs"},
    platform: "node",
    define: {SOURCE_DIR: JSON.stringify(path.resolve(here, "../.."))},
  });
} else {
  await esbuild.build({
    ...common,
    entryPoints: [path.join(here, "src/app.ts"), path.join(here, "src/app.css")],
    outdir: out,
    minify: true,
    legalComments: "none",
    target: ["chrome109", "firefox115", "safari16"],
    charset: "utf8",
  });
  copyFileSync(path.join(here, "src/index.html"), path.join(out, "index.html"));
}
