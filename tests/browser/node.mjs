// Runs jobs that need no page under node: node tests/browser/node.mjs NAME=PLACE... -- FILE... Exit code 1 if one fails.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { setPlace } from "./modules.mjs";

const split = process.argv.indexOf("--");
const jobs = process.argv.slice(split + 1);
if (split < 0 || jobs.length === 0) {
  console.error("usage: node node.mjs NAME=PLACE... -- FILE...");
  process.exit(2);
}
for (const words of process.argv.slice(2, split)) {
  const [name, file] = words.split("=", 2);
  setPlace(name, pathToFileURL(resolve(file)).href);
}
// A job that hangs leaves nothing to wait for, and node ends in the middle of it.
process.exitCode = 1;
let failed = 0;
for (const file of jobs) {
  const { run } = await import(`./${file}`);
  const { passed, summary } = await run((line) => line.startsWith("ok ") || console.log(line));
  console.log(`node-${file.replace(".mjs", "")}: ${summary}`);
  failed += passed ? 0 : 1;
}
process.exitCode = failed === 0 ? 0 : 1;
