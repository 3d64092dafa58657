// What a test sees of the package's module: the instance that was made last, with the slots whose functions were started.

import { unwinding } from "../../platform-browser/js/unwind.mjs";

/**
 * Watches instances from now on; gives a function that says which was made last. The others are for the collector. With
 * `bytes` the package compiles these, whatever it has in it; their panics may unwind.
 */
export function watchInstances(bytes) {
  let latest;
  const { Instance, Module } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(module, imports) {
      const started = [];
      const start = (slot) => {
        started.push(slot);
        imports.tasks.start(slot);
      };
      super(module, { ...imports, ...(WebAssembly.Tag && { env: unwinding() }), tasks: { ...imports.tasks, start } });
      latest = { exports: this.exports, started };
    }
  };
  if (bytes) {
    WebAssembly.Module = class extends Module {
      constructor() {
        super(bytes);
      }
    };
  }
  return () => latest;
}
