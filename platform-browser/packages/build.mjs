// Builds a package of this workspace: the sources as ESM in `dist`, the same as CommonJS in `dist/cjs`, types beside both.
//
// Owns how sources become files. Which files a package has besides its sources is in the `build.mjs` of the package.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { transformSync } from "esbuild";

/** Builds the package in `folder`. `files` are put into `dist` first: a name and what is in it. */
export function build(folder, files = {}) {
  const dist = join(folder, "dist");
  rmSync(dist, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    write(join(dist, name), text);
  }
  const sources = join(folder, "src");
  const typings = walk(sources).filter((name) => /\.d\.m?ts$/.test(name));
  typings.forEach((name) => write(join(dist, name), readFileSync(join(sources, name))));
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  const { status } = spawnSync(process.execPath, [join(typescript, "bin/tsc"), "-p", folder], { stdio: "inherit" });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
  walk(dist).forEach((name) => commonJs(dist, name));
  write(join(dist, "cjs/package.json"), '{ "type": "commonjs" }\n');
}

/** A script, or its types, in a folder whose `.js` is CommonJS. */
function commonJs(dist, name) {
  const target = join(dist, "cjs", name.replace(/\.m(js|ts)$/, ".$1"));
  if (existsSync(target)) {
    throw new Error(`${name}: in CommonJS it has the name of another file, ${target}; rename one`);
  }
  const text = () => readFileSync(join(dist, name), "utf8");
  const plain = (text) => text.replace(/(["']\.{1,2}\/[^"']*)\.mjs(["'])/g, "$1.js$2");
  if (/\.d\.m?ts$/.test(name)) {
    write(target, plain(text()));
  } else if (/\.m?js$/.test(name)) {
    write(target, plain(transformSync(text(), { format: "cjs", target: "es2022" }).code));
  }
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The files below a folder, relative to it. */
function walk(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));
}
