// The entry without a module in it: the caller has one. For pages that fetch and cache it by itself, and hosts that compile it.

import { load as loadModule, type ModuleSource } from "./load.js";
import { closedAfter, runtimeOf, type Runtime, type RuntimeOptions } from "./runtime.js";

export * from "./api.js";
export type { ModuleSource } from "./load.js";

/** What makes runtimes of one module. */
export interface Runtimes {
  /** A runtime of its own. `close` ends it. */
  createRuntime(options?: RuntimeOptions): Runtime;
  /** Runs `call` with a runtime that is closed when it has settled. */
  withRuntime<T>(options: RuntimeOptions, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T>;
}

/**
 * Compiles `@asupersync/browser-core/wasm`, once for all its runtimes.
 *
 * Rejects with `ModuleUnavailable` if it is not there, `WasmUnavailable` if the page may not compile it, `AbiMismatch` or
 * `ProfileMismatch` if it is another than these scripts were built with.
 */
export async function load(source: ModuleSource): Promise<Runtimes> {
  const module = await loadModule(source);
  const createRuntime = (options?: RuntimeOptions) => runtimeOf(() => module, options);
  return { createRuntime, withRuntime: async (options, call) => closedAfter(() => createRuntime(options), call) };
}
