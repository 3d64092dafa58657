// Builds the package: the module as text beside the compiled sources.
//
//   node build.mjs MODULE     MODULE is asupersync_browser_bindings.wasm; without it the one of the last build is kept

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");
mkdirSync(dist, { recursive: true });
const [wasm] = process.argv.slice(2);
if (wasm) {
  writeFileSync(join(dist, "module.js"), `export const MODULE = "${readFileSync(wasm).toString("base64")}";\n`);
}
copyFileSync(join(here, "src/module.d.ts"), join(dist, "module.d.ts"));
copyFileSync(join(here, "src/host.d.mts"), join(dist, "host.d.mts"));
copyFileSync(join(here, "../../js/host.mjs"), join(dist, "host.mjs"));
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
const { status } = spawnSync(process.execPath, [join(typescript, "bin/tsc"), "-p", here], { stdio: "inherit" });
process.exitCode = status ?? 1;
