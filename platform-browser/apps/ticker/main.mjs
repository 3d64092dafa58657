// The elements of the ticker page, and the imports and exports of its module.

import { connect } from "../../js/host.mjs";
import { watchPage } from "../../js/lifecycle.mjs";

/** Builds the page in `root` and starts `module`, a Response of asupersync_ticker.wasm; returns the host. */
export async function mount(root, module) {
  const rows = ["every 100 ms", "every 200 ms", "every 300 ms", "the region"].map((label) => {
    const row = document.createElement("p");
    const value = document.createElement("output");
    row.append(`${label}: `, value);
    root.append(row);
    return value;
  });
  let exports;
  const show = (row, text, length) => {
    rows[row].textContent = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, text, length));
  };
  const host = connect((error) => (rows.at(-1).textContent = `ended by a panic: ${error.message}`));
  const imports = { page: { show }, asupersync: host.imports };
  ({ exports } = (await WebAssembly.instantiateStreaming(module, imports)).instance);
  host.attach(exports);
  watchPage(host);
  for (const name of ["start", "stop"]) {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => host.enter(name);
    root.append(button, " ");
  }
  return host;
}
