// The job that runs the conformance kit, the golden traces and their controls.

import { isGreen, runAll } from "../wasm/suites.mjs";

export async function run(print) {
  const module = await WebAssembly.compileStreaming(fetch("/modules/kit"));
  const totals = await runAll(module, print);
  const { passed, failed, skipped } = totals;
  return { passed: isGreen(totals), summary: `${passed} passed, ${failed} failed, ${skipped} skipped` };
}
