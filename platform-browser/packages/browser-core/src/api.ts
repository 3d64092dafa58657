// What every entry of the package exports.

export { CancelledError, RuntimeError, type CancelInfo, type CancelKind, type ErrorCode } from "./errors.js";
export type { Outcome, ScopeReport } from "./kernel.js";
export type {
  CancelOptions,
  CancelReport,
  CancelRequest,
  Cx,
  Runtime,
  RuntimeOptions,
  Scope,
  ScopeFunction,
  ScopeOptions,
  Task,
  TaskFunction,
} from "./runtime.js";
