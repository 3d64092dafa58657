// Builds the package: the host's half beside the compiled sources. `@asupersync/browser-core` is built before.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { build } from "../build.mjs";

const here = import.meta.dirname;
const host = join(here, "../../js/io");
const files = readdirSync(host).map((name) => [`io/${name}`, readFileSync(join(host, name))]);
build(here, Object.fromEntries(files));
