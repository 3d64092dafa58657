// Builds the package: the host's half beside the compiled sources. `@asupersync/browser-core` is built before.

import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");
cpSync(join(here, "../../js/io"), join(dist, "io"), { recursive: true });
cpSync(join(here, "src/io"), join(dist, "io"), { recursive: true });
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
const { status } = spawnSync(process.execPath, [join(typescript, "bin/tsc"), "-p", here], { stdio: "inherit" });
process.exitCode = status ?? 1;
