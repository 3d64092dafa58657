// Copies the built package with another module in it: node with-module.mjs DIST MODULE FOLDER

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [dist, module, folder] = process.argv.slice(2);
cpSync(dist, folder, { recursive: true });
const file = join(folder, "module.js");
const text = readFileSync(join(dist, "module.js"), "utf8");
const other = text.replace(/"[A-Za-z0-9+/=]{1000,}"/, `"${readFileSync(module).toString("base64")}"`);
if (other === text) {
  throw new Error(`${file} has no module in it, or the very same`);
}
writeFileSync(file, other);
