// Drives the smallest module that runs on the browser platform, looks at what it does, and measures it.
//
//   node tests/wasm/core-min.mjs MODULE TIER     MODULE is asupersync_core_min.wasm
//
// Time is the script's: it jumps to the alarm that was set. Exit code 1 if something is wrong.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const [file, tier] = process.argv.slice(2);
const bytes = readFileSync(file);

let now = 0;
let armed;
const hops = [];
const asupersync = {
  now: () => now,
  hop: (kind) => hops.push(kind),
  alarm: (milliseconds) => (armed = milliseconds < 0 ? undefined : now + milliseconds),
  random: () => 42,
};
const shown = [];
const show = (text, length) => shown.push(Buffer.from(exports.memory.buffer, text, length).toString());
const module = new WebAssembly.Module(bytes);
const { exports } = new WebAssembly.Instance(module, { asupersync, page: { show } });
const { start, cancel, live, ticks, cancelled, recorded, asupersync_pump: pump } = exports;


/** Answers hops until none is left. */
function settle() {
  for (let count = 0; count < 100; count += 1) {
    if (hops.length === 0) {
      return;
    }
    pump(hops.shift());
  }
  throw new Error("no end after 100 hops");
}

/** Lets the alarm come. */
function ring() {
  now = armed;
  armed = undefined;
  pump(2);
  settle();
}

const program = start();
assert.notEqual(program, 0, "the program fits");
assert.equal(live(program), 1, "the task that opens the region");
assert.equal(hops.length, 1, "it waits for a pump");

settle();
assert.equal(armed, 1, "the ticker's first timer is next");
assert.equal(live(program), 3, "and two in its region");
for (let round = 1; round <= 5; round += 1) {
  ring();
  assert.equal(ticks(program), round, "a millisecond is a tick");
}
assert.equal(now, 5);
assert.equal(cancelled(program), 0);

cancel(program);
settle();
assert.equal(cancelled(program), 2, "both tasks saw it");
assert.equal(live(program), 0, "the region is drained");
assert.equal(ticks(program), 5);

const events = recorded(program);
assert.equal(events > 20, tier !== "core-min", "what is recorded");
assert.equal(recorded(program), 0, "and taken out");
assert.deepEqual(shown, [], "nothing is wrong");

const imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`);
console.log(`${tier}: ${bytes.length} bytes, ${events} events; imports ${imports.join(", ")}`);
