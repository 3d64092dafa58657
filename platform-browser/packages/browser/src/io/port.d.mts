import type { Broadcast, Port, PortOptions, QueueOptions, Resource } from "@asupersync/browser-core";
import type { Ledger } from "./ledger.mjs";

export function openPort<T>(ledger: Ledger, port: MessagePort, options?: PortOptions): Port<T> & Resource;
export function openChannel<T>(ledger: Ledger, options?: PortOptions): [Port<T> & Resource, MessagePort];
export function openBroadcast<T>(ledger: Ledger, name: string, options?: QueueOptions): Broadcast<T> & Resource;
