import type { Incoming, Resource, Writing } from "@asupersync/browser-core";
import type { Ledger } from "./ledger.mjs";

export function openReadable<T>(ledger: Ledger, stream: ReadableStream<T>): Incoming<T> & Resource;
export function openWritable<T>(ledger: Ledger, stream: WritableStream<T>): Writing<T> & Resource;
