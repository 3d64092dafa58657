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
    let shipped;
    WebAssembly.Module = class extends Module {
      constructor(own) {
        super(bytes);
        shipped ??= new Module(own);
      }

      // Its profile is another, with which the scripts would not speak.
      static customSections(_, name) {
        return super.customSections(shipped, name);
      }
    };
  }
  return () => latest;
}
