// Runs jobs in real browsers: in the window and in a module worker of each engine. Exit code 1 if one fails.
//
//   node tests/browser/run.mjs FOLDER NAME=FILE... -- JOB...
//
// FOLDER takes pictures of pages that failed, and columns of the demo's table. Each NAME=FILE is a module, served as /modules/NAME. A JOB is
// `ENGINE:WHERE:FILE`: an engine, `window` or `worker`, and a file of this folder that exports `run(print)`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { peer } from "./peer.mjs";
import { serve } from "./serve.mjs";
import { launch } from "./webdriver.mjs";

/** How long a job may take, in milliseconds; the kit takes half a minute on a busy machine. */
const PATIENCE_MS = 180_000;

const split = process.argv.indexOf("--");
const [folder, ...modules] = process.argv.slice(2, split);
const jobs = process.argv.slice(split + 1).map((words) => {
  const [engine, where, file] = words.split(":");
  return { engine, where, file, name: `${engine}-${where}-${file.replace(".mjs", "")}` };
});
if (split < 0 || folder === undefined || jobs.length === 0) {
  console.error("usage: node run.mjs FOLDER NAME=FILE... -- ENGINE:WHERE:FILE...");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

/** What waits for the result of a job, by its name. */
const waiting = new Map();
const server = await serve({
  modules: Object.fromEntries(modules.map((words) => words.split("=", 2))),
  report: (name, text) => {
    const worth = text.split("\n").filter((line) => line && !line.startsWith("ok "));
    worth.forEach((line) => console.log(`${name}: ${line}`));
  },
  result: (name, result) => waiting.get(name)?.(result),
  peer: peer(),
});

async function run(browser, { where, file, name }) {
  const end = new Promise((resolve) => waiting.set(name, resolve));
  const late = new Promise((resolve) => {
    const error = `no result after ${PATIENCE_MS / 1000} s`;
    setTimeout(resolve, PATIENCE_MS, { error }).unref();
  });
  const query = new URLSearchParams({ job: file, name, ...(where === "worker" && { worker: 1 }) });
  await browser.open(`${server.origin}/tests/browser/page.html?${query}`);
  const result = await Promise.race([end, late]);
  if (!result.passed) {
    console.log(`${name}: FAILED: ${result.error ?? result.summary}`);
    const picture = join(folder, `${name}.png`);
    try {
      writeFileSync(picture, await browser.picture());
      console.log(`${name}: the page is in ${picture}`);
    } catch (error) {
      console.log(`${name}: no picture: ${error.message}`);
    }
    return false;
  }
  console.log(`${name}: ${result.summary}`);
  if (result.column !== undefined) {
    writeFileSync(join(folder, `${name}.json`), result.column);
  }
  return true;
}

/** Runs the jobs of one engine; says how many failed. */
async function runAll(engine, mine) {
  let failed = 0;
  let browser;
  for (const job of mine) {
    const began = performance.now();
    let passed = false;
    try {
      if (browser === undefined) {
        browser = await launch(engine);
        console.log(`${engine}: ${browser.version}`);
      }
      passed = await run(browser, job);
    } catch (error) {
      console.log(`${job.name}: FAILED: ${error.message}`);
    }
    console.log(`${job.name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    if (!passed) {
      // Its page may hold the browser up; the next job gets another.
      failed += 1;
      await browser?.close();
      browser = undefined;
    }
  }
  await browser?.close();
  return failed;
}

let failed = 0;
for (const engine of new Set(jobs.map((job) => job.engine))) {
  failed += await runAll(engine, jobs.filter((job) => job.engine === engine));
}
server.close();
console.log(`${jobs.length - failed} jobs passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
