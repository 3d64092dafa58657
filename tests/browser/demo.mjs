// The job that runs the demo's pipeline in the lab, in this engine; its column goes back to the host, which compares runs.

import { instantiate } from "../wasm/suites.mjs";

/** As many as in node: a second of work. */
const [SEEDS, RECORDS] = [100n, 256];

const NAMES = { chromium: "Chromium", firefox: "Firefox", webkit: "WebKit" };

export async function run(print) {
  const module = await WebAssembly.compileStreaming(fetch("/modules/kit"));
  let column;
  const { exports } = await instantiate(module, (line) => (column = line));
  if (exports.demo(SEEDS, RECORDS) !== 0) {
    return { error: column };
  }
  const [engine] = new URL(location.href).searchParams.get("name").split("-");
  // As text: its fingerprints have more digits than numbers of JavaScript.
  column = column.replace("wasm32 in node", NAMES[engine]);
  print(`ok      ${SEEDS} seeds`);
  return { passed: true, summary: `${SEEDS} seeds`, column };
}
