// What the tasks of a runtime may ask the host for, and the list of all that it does for them.

import type { Io, Owner, PortOptions, QueueOptions } from "@asupersync/browser-core";

import { invalid } from "./io/errors.mjs";
import { openFetch } from "./io/fetch.mjs";
import { Ledger } from "./io/ledger.mjs";
import { openBroadcast, openChannel, openPort } from "./io/port.mjs";
import { openSocket } from "./io/socket.mjs";
import { openReadable, openWritable } from "./io/stream.mjs";

/** Something that a runtime may be granted. */
export type Capability = "fetch" | "socket" | "streams" | "ports";

export const CAPABILITIES: readonly Capability[] = ["fetch", "socket", "streams", "ports"];

/** Each by its name; all put what they open into the same ledger. */
export function capabilities(ledger: Ledger, granted: readonly Capability[]): Io {
  const stranger = granted.find((name) => !CAPABILITIES.includes(name));
  if (stranger !== undefined) {
    throw invalid(`io takes a list of ${CAPABILITIES.join(", ")}; found ${String(stranger)}`);
  }
  const all: Required<Pick<Io, Capability>> = {
    fetch: (owner, input, init) => owner.own(openFetch(ledger, input, init)).response,
    socket: (owner, url, options) => owner.own(openSocket(ledger, url, options)),
    streams: {
      readable: (owner, stream) => owner.own(openReadable(ledger, stream)),
      writable: (owner, stream) => owner.own(openWritable(ledger, stream)),
    },
    ports: {
      port: <T>(owner: Owner, port: MessagePort, options?: PortOptions) => owner.own(openPort<T>(ledger, port, options)),
      channel<T>(owner: Owner, options?: PortOptions) {
        const [port, far] = openChannel<T>(ledger, options);
        return [owner.own(port), far];
      },
      broadcast: <T>(owner: Owner, name: string, options?: QueueOptions) => owner.own(openBroadcast<T>(ledger, name, options)),
    },
  };
  return {
    ...Object.fromEntries(granted.map((name) => [name, all[name]])),
    begin: () => ledger.begin(),
    end: (cause) => ledger.end(cause),
  };
}
