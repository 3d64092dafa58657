// Drives the smallest module that runs the core, looks at what it does, and measures it.
//
//   node tests/wasm/core-min.mjs MODULE [MAX]     MODULE is asupersync_core_min.wasm; MAX its most bytes after gzip -9
//
// Time is the script's: a turn that is idle makes the clock jump. Exit code 1 if something is wrong or too large.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const NEVER = 2n ** 64n - 1n;
const MILLISECOND = 1_000_000n;

const [file, max] = process.argv.slice(2);
const bytes = readFileSync(file);

let now = 0n;
let armed = NEVER;
let pended = 0;
const host = {
  now: () => now,
  arm: (deadline) => (armed = BigInt.asUintN(64, deadline)),
  pend: () => (pended += 1),
  entropy: () => 42n,
};
const module = new WebAssembly.Module(bytes);
const { start, turn, cancel, live, ticks, cancelled } = new WebAssembly.Instance(module, { host }).exports;

/** Turns until nothing is runnable; says when the next timer is due. */
function settle(program) {
  for (let turns = 0; turns < 100; turns += 1) {
    const until = BigInt.asUintN(64, turn(program, 8));
    if (until !== 0n) {
      return until;
    }
  }
  throw new Error("no end after 100 turns");
}

const program = start();
assert.notEqual(program, 0, "the program fits");
assert.equal(live(program), 1, "the task that opens the region");

assert.equal(settle(program), MILLISECOND, "the ticker's first timer is next");
assert.equal(live(program), 3, "and two in its region");
for (let round = 1; round <= 5; round += 1) {
  now = armed;
  settle(program);
  assert.equal(ticks(program), round, "a millisecond is a tick");
}
assert.equal(now, 5n * MILLISECOND);
assert.equal(cancelled(program), 0);

pended = 0;
cancel(program);
assert.ok(pended > 0, "a cancel from outside asks for a turn");
assert.equal(live(program), 3, "cancelling is asking: nobody is dropped");
assert.equal(settle(program), NEVER, "no timer is left");
assert.equal(cancelled(program), 2, "both tasks saw it");
assert.equal(live(program), 0, "the region is drained");
assert.equal(ticks(program), 5);

const imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`);
const packed = gzipSync(bytes, { level: 9 }).length;
console.log(`core-min: ${bytes.length} bytes, ${packed} after gzip -9; imports ${imports.join(", ")}`);
if (max !== undefined && packed > Number(max)) {
  console.error(`core-min: ${packed} bytes after gzip -9, more than ${max}`);
  process.exitCode = 1;
}
