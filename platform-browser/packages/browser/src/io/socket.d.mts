import type { Resource, Socket, SocketOptions } from "@asupersync/browser-core";
import type { Ledger } from "./ledger.mjs";

export function openSocket(ledger: Ledger, url: string | URL, options?: SocketOptions): Socket & Resource;
