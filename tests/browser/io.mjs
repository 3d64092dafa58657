// The job that runs fetches, sockets, streams and ports of `@asupersync/browser`, then those of Rust, in the host that runs it.

import * as browser from "/modules/browser/index.js";

import { capsules } from "./capsules.mjs";
import { programs } from "./capsules-rust.mjs";

/** How long a case may take before it is taken to hang, in milliseconds. */
const PATIENCE_MS = 30_000;

const hangs = () => new Promise((_, reject) => setTimeout(() => reject(new Error("it hangs")), PATIENCE_MS));

export async function run(print) {
  let [passed, failed, slowest] = [0, 0, 0];
  const freed = (milliseconds) => (slowest = Math.max(slowest, milliseconds));
  const module = await WebAssembly.compileStreaming(fetch("/modules/io"));
  const cases = { ...capsules(browser, location.origin, freed), ...programs(module, location.origin, freed) };
  for (const [name, test] of Object.entries(cases)) {
    try {
      await Promise.race([test(), hangs()]);
      print(`ok      ${name}`);
      passed += 1;
    } catch (error) {
      print(`FAILED  ${name}: ${error.message}`);
      failed += 1;
    }
  }
  return { passed: failed === 0, summary: `${passed} passed, ${failed} failed; a connection was gone after ${slowest.toFixed(0)} ms at most` };
}
