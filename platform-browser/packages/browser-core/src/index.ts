export { CancelledError, RuntimeError, type CancelInfo, type CancelKind, type ErrorCode } from "./errors.js";
export type {
  Broadcast,
  Incoming,
  Io,
  Overflow,
  Owner,
  Port,
  PortOptions,
  QueueOptions,
  Resource,
  Socket,
  SocketClosed,
  SocketOptions,
  Writing,
} from "./io.js";
export type { Outcome, ScopeReport } from "./kernel.js";
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
