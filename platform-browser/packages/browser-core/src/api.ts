// What every entry of the package exports.

export type { Channel, ChannelFactory, Permit, Receiver, Sender } from "./channel.js";
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
export type { LabApi, LabReport } from "./lab.js";
export { PanicError, type PanicInfo } from "./panic.js";
export type { AnyOf, RaceOptions } from "./race.js";
export type { RetryPolicy } from "./retry.js";
export type { Runtime, RuntimeOptions } from "./runtime.js";
export type { Cx, Scope, ScopeFunction, ScopeHandle, ScopeOptions, TaskFunction } from "./scope.js";
export type { CancelOptions, CancelReport, CancelRequest, Task } from "./task.js";
export type { CancelTokenHandle } from "./token.js";
export { chromeTrace, type ChromeTrace, type TraceApi, type TraceEvent, type TraceNode, type TraceOptions } from "./tracing.js";
