// What the tests are built from.

import { RuntimeError, withRuntime } from "@asupersync/browser-core";

export const virtual = (call, options = {}) => withRuntime({ mode: "deterministic", ...options }, call);
export const inScope = (call) => virtual((rt) => rt.scope("test", call));
export const never = () => new Promise(() => {});
export const code = (expected) => (error) => error instanceof RuntimeError && error.code === expected;
/** Virtual time that has passed, through what a scope tells of it. */
export const clock = (rt) => {
  let now = 0;
  rt.tracing.subscribe(({ at }) => (now = at));
  return async (scope) => {
    scope.spawnBackground("clock", () => {});
    await scope.checkpoint();
    return now;
  };
};
