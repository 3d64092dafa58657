// `@asupersync/browser-core`, with the host in the hands of its tasks.

export * from "@asupersync/browser-core";
export type { Capability } from "./capabilities.js";
export { IoError, type IoErrorCode } from "./io/errors.mjs";
export { createRuntime, ioCounts, withRuntime, type IoCounts, type RuntimeOptions } from "./runtime.js";
