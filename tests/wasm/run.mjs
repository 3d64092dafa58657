// Runs the conformance kit and the golden traces in wasm, under node: one line per case, exit code 1 on failure.
//
//   node tests/wasm/run.mjs MODULE                        everything
//   node tests/wasm/run.mjs MODULE each SCENARIO          a line for each seed of a scenario
//   node tests/wasm/run.mjs MODULE dump SCENARIO SEED     the trace of one seed, as JSON lines
//   node tests/wasm/run.mjs MODULE demo SEEDS RECORDS     the demo in the lab, its column as a line of JSON
//
// MODULE is asupersync_conformance_wasm.wasm. What runs in a browser as well is in suites.mjs.

import { readFileSync } from "node:fs";

import { PASSED, instantiate, isGreen, runAll } from "./suites.mjs";

/** How many seeds a golden line stands for. */
const SEEDS = 100;

const [file, command, scenario, seed] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node run.mjs MODULE [each SCENARIO | dump SCENARIO SEED | demo SEEDS RECORDS]");
  process.exit(2);
}
const module = new WebAssembly.Module(readFileSync(file));

async function all() {
  const totals = await runAll(module, console.log);
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return isGreen(totals) ? 0 : 1;
}

/** The index of a scenario that has a golden line. */
async function find(name) {
  let said;
  const { exports: instance } = await instantiate(module, (text) => (said = text));
  for (let index = 0; index < instance.line_count(); index += 1) {
    instance.line_name(index);
    if (said === name) {
      return index;
    }
  }
  throw new Error(`no scenario called ${name} has a golden line`);
}

async function each(name) {
  const index = await find(name);
  const { exports: instance } = await instantiate(module, console.log);
  const seeds = Array.from({ length: SEEDS }, (_, number) => BigInt(number));
  return seeds.every((number) => instance.line_seed(index, number) === PASSED) ? 0 : 1;
}

async function dump(name, number) {
  const index = await find(name);
  const { exports: instance } = await instantiate(module, console.log);
  return instance.line_dump(index, BigInt(number));
}

switch (command) {
  case undefined:
    process.exitCode = await all();
    break;
  case "each":
    process.exitCode = await each(scenario);
    break;
  case "dump":
    process.exitCode = await dump(scenario, seed);
    break;
  case "demo": {
    const [seeds, records] = process.argv.slice(4);
    const { exports: instance } = await instantiate(module, console.log);
    process.exitCode = instance.demo(BigInt(seeds), Number(records));
    break;
  }
  default:
    console.error(`there is no command ${command}; there are each, dump and demo`);
    process.exitCode = 2;
}
