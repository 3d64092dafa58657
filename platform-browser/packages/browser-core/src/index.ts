export { CancelledError, RuntimeError, type CancelInfo, type CancelKind, type ErrorCode } from "./errors.js";
export type { Outcome, ScopeReport } from "./kernel.js";
export { PanicError, type PanicInfo } from "./panic.js";
export {
  createRuntime,
  withRuntime,
  type CancelOptions,
  type CancelReport,
  type CancelRequest,
  type Cx,
  type Runtime,
  type RuntimeOptions,
  type Scope,
  type ScopeFunction,
  type ScopeOptions,
  type Task,
  type TaskFunction,
} from "./runtime.js";
