// Runs the conformance kit and the golden traces in wasm, under node: one line per case, exit code 1 on failure.
//
//   node tests/wasm/run.mjs MODULE                        everything
//   node tests/wasm/run.mjs MODULE each SCENARIO          a line for each seed of a scenario
//   node tests/wasm/run.mjs MODULE dump SCENARIO SEED     the trace of one seed, as JSON lines
//   node tests/wasm/run.mjs MODULE demo SEEDS RECORDS     the demo in the lab, its column as a line of JSON
//
// MODULE is asupersync_conformance_wasm.wasm. A panic ends an instance, not the suite: the next case gets another.

import { readFileSync } from "node:fs";

/** How many seeds a golden line stands for. */
const SEEDS = 100;
const PASSED = 0;
const SUITES = [
  { name: "kit, local executor, virtual time", count: "kit_count", run: "kit_run" },
  { name: "golden traces", count: "golden_count", run: "golden_run" },
  { name: "negative controls", count: "control_count", run: "control_run" },
];

const [file, command, scenario, seed] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node run.mjs MODULE [each SCENARIO | dump SCENARIO SEED | demo SEEDS RECORDS]");
  process.exit(2);
}
const module = new WebAssembly.Module(readFileSync(file));

/** A fresh instance; `print` gets what it says. */
function instantiate(print = console.log) {
  let memory;
  const host = {
    print: (text, length) => print(new TextDecoder().decode(new Uint8Array(memory.buffer, text, length))),
  };
  const { exports } = new WebAssembly.Instance(module, { host });
  memory = exports.memory;
  exports.prepare();
  return exports;
}

function runAll() {
  const totals = [0, 0, 0];
  let instance = instantiate();
  for (const suite of SUITES) {
    console.log(`# ${suite.name}`);
    const began = performance.now();
    const count = instance[suite.count]();
    for (let index = 0; index < count; index += 1) {
      try {
        totals[instance[suite.run](index)] += 1;
      } catch (trap) {
        console.log(`FAILED  case ${index} of this suite: ${trap.message}`);
        totals[1] += 1;
        instance = instantiate();
      }
    }
    console.log(`# ${((performance.now() - began) / 1000).toFixed(2)} s`);
  }
  const [passed, failed, skipped] = totals;
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

/** The index of a scenario that has a golden line. */
function find(name) {
  let said;
  const instance = instantiate((text) => (said = text));
  for (let index = 0; index < instance.line_count(); index += 1) {
    instance.line_name(index);
    if (said === name) {
      return index;
    }
  }
  throw new Error(`no scenario called ${name} has a golden line`);
}

function each(name) {
  const index = find(name);
  const instance = instantiate();
  const seeds = Array.from({ length: SEEDS }, (_, number) => BigInt(number));
  return seeds.every((number) => instance.line_seed(index, number) === PASSED) ? 0 : 1;
}

function dump(name, number) {
  return instantiate().line_dump(find(name), BigInt(number));
}

switch (command) {
  case undefined:
    process.exitCode = runAll();
    break;
  case "each":
    process.exitCode = each(scenario);
    break;
  case "dump":
    process.exitCode = dump(scenario, seed);
    break;
  case "demo": {
    const [seeds, records] = process.argv.slice(4);
    process.exitCode = instantiate().demo(BigInt(seeds), Number(records));
    break;
  }
  default:
    console.error(`there is no command ${command}; there are each, dump and demo`);
    process.exitCode = 2;
}
