// The job that uses the sample page: starts its tickers, stops them, and waits until the region is drained.

import { mount } from "../../platform-browser/apps/ticker/main.mjs";

const moment = () => new Promise((resolve) => setTimeout(resolve, 5));

export async function run(print) {
  const root = document.createElement("main");
  document.body.prepend(root);
  await mount(root, fetch("/modules/ticker"));
  const [start, stop] = root.querySelectorAll("button");
  const texts = () => [...root.querySelectorAll("output")].map((row) => row.textContent);
  for (const round of [1, 2]) {
    start.click();
    if (texts()[3] !== "open") {
      throw new Error(`round ${round}: the click has returned, and the region is not open: ${texts()}`);
    }
    while (!/^[1-9]/.test(texts()[2])) {
      await moment();
    }
    stop.click();
    if (texts()[3] !== "draining" || !texts()[0].endsWith("cleaning up")) {
      throw new Error(`round ${round}: the tickers have not heard of it: ${texts()}`);
    }
    while (texts()[3] !== "drained") {
      await moment();
    }
    if (!texts().slice(0, 3).every((text) => text.endsWith(", clean"))) {
      throw new Error(`round ${round}: drained before all were clean: ${texts()}`);
    }
    print(`ok      round ${round}: ${texts().join("; ")}`);
  }
  return { passed: true, summary: `2 rounds; ${texts().join("; ")}` };
}
