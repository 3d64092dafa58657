// What a context does through its host: fetches, sockets, streams, ports.
//
// Owns who may, and that everything ends with the task or scope that opened it. How a host does it is not known here: that is
// given with `createRuntime({ io })`, as `@asupersync/browser` does, and costs nothing who does not.

import { RuntimeError } from "./errors.js";
import type { Entry } from "./entry.js";

/** What happens to a message for which there is no room: the sender is closed, or a message is dropped and counted. */
export type Overflow = "close" | "drop-oldest" | "drop-newest";

export interface QueueOptions {
  /** How many messages wait to be taken, at most; 1,024 if not said. */
  readonly queue?: number;
  /** `close` if not said: the loop takes what is there, then throws `queue_overflow`. */
  readonly overflow?: Overflow;
}

/** What comes in, for `for await`; leaving the loop closes it. */
export interface Incoming<T> extends AsyncIterable<T> {
  [Symbol.asyncIterator](): Incoming<T>;
  /** The next one. Rejects with the reason of a cancel, or with why it ended early. */
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
}

export interface SocketOptions extends QueueOptions {
  readonly protocols?: string | string[];
  /** Milliseconds until a connect is given up with `connect_timeout`; 10,000 if not said. */
  readonly connectTimeout?: number;
  /** Milliseconds that a peer has for the close handshake; 500 if not said. */
  readonly closeTimeout?: number;
  /** How many bytes may wait in the host before `send` waits; 65,536 if not said. */
  readonly highWaterMark?: number;
}

/** How a socket ended. */
export interface SocketClosed {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A WebSocket: its messages, a text or bytes each. The loop ends when the peer has closed in order. */
export interface Socket extends Incoming<string | ArrayBuffer> {
  readonly state: "connecting" | "open" | "closing" | "closed";
  readonly protocol: string;
  /** Messages that were dropped, by the policy of overflow. */
  readonly dropped: number;
  /** Bytes that were sent and have not left the host. */
  readonly buffered: number;
  /** How it ended, once it has. */
  readonly closed: SocketClosed | undefined;
  /** Settles when it is connected. Need not be awaited: `send` and the loop wait for it. */
  opened(): Promise<void>;
  /** Sends in order; waits for the connect, and while more than `highWaterMark` bytes wait. */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): Promise<void>;
  /** Closes with the handshake: 1000, or a code of yours from 3000 to 4999. */
  close(code?: number, reason?: string): Promise<SocketClosed | undefined>;
}

/** A `WritableStream` that is aborted unless it is closed. */
export interface Writing<T> {
  /** Waits for room; settles when the stream has taken it. */
  write(chunk: T): Promise<void>;
  close(): Promise<void>;
}

export interface PortOptions extends QueueOptions {
  /** Milliseconds until the other side has to be there; 10,000 if not said. */
  readonly connectTimeout?: number;
}

/** One side of a message channel; the loop ends when the other side has closed. */
export interface Port<T> extends Incoming<T> {
  readonly dropped: number;
  /** Settles when the other side is there. Need not be awaited: messages wait for it. */
  opened(): Promise<void>;
  /** Sends plain data; rejects with `not_cloneable` where it is not. */
  send(value: unknown, transfer?: Transferable[]): Promise<void>;
  close(): Promise<void>;
}

/** Everybody of this origin under one name. */
export interface Broadcast<T> extends Incoming<T> {
  readonly dropped: number;
  /** How many others are known to be there. */
  readonly peers: number;
  send(value: unknown): Promise<void>;
  close(): Promise<void>;
}

/** Something that the host does, until its last word. */
export interface Resource {
  /** What the program holds of it; it moves with that, when a task returns it. */
  readonly handle?: unknown;
  /** Called before each wait of the program. */
  check: () => void;
  /** Begins its end: what waits rejects with `cause`. Throws nothing. */
  end(cause: unknown): void;
  /** Settles with the host's last word. */
  readonly ended: Promise<void>;
}

/** What a context may ask its host for. What is not there is not granted. */
export interface Io {
  readonly fetch?: (owner: Owner, input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  readonly socket?: (owner: Owner, url: string | URL, options?: SocketOptions) => Socket;
  readonly streams?: {
    readable<T>(owner: Owner, stream: ReadableStream<T>): Incoming<T>;
    writable<T>(owner: Owner, stream: WritableStream<T>): Writing<T>;
  };
  readonly ports?: {
    port<T>(owner: Owner, port: MessagePort, options?: PortOptions): Port<T>;
    channel<T>(owner: Owner, options?: PortOptions): [Port<T>, MessagePort];
    broadcast<T>(owner: Owner, name: string, options?: QueueOptions): Broadcast<T>;
  };
  /** An instance of the module begins: what it asks for is taken on. */
  readonly begin?: () => void;
  /** Ends all that is open, and takes on nothing more. Called when the module has panicked. */
  readonly end?: (cause: unknown) => Promise<void>;
}

/** What a task or scope has open. */
export class Owner {
  readonly #entry: Entry;
  readonly #isMasked: boolean;
  readonly #open = new Set<Resource>();

  private constructor(entry: Entry, isMasked: boolean) {
    this.#entry = entry;
    this.#isMasked = isMasked;
    if (!isMasked) {
      entry.signal().addEventListener("abort", () => this.#end(entry.cancelled));
      entry.kernel.defer(entry, () => this.#close());
    }
    // One that was forced ends here.
    void entry.over.then(() => this.#end(ended(entry)));
  }

  /** The owner of a context: what is opened in deferred functions is not asked to stop with the task. */
  static of(entry: Entry, isMasked: boolean): Owner {
    if (isMasked) {
      return new Owner(entry, true);
    }
    entry.check();
    return (entry.owner ??= new Owner(entry, false));
  }

  /** Takes on what was opened. */
  own<T extends Resource>(resource: T): T {
    this.#open.add(resource);
    resource.check = () => this.#isMasked || this.#entry.check();
    resource.ended.then(() => this.#open.delete(resource));
    if (this.#entry.isEnded) {
      this.#end(ended(this.#entry));
    } else if (this.#entry.cancelled && !this.#isMasked) {
      this.#end(this.#entry.cancelled);
    }
    return resource;
  }

  #end(cause: unknown): void {
    for (const resource of this.#open) {
      resource.end(cause);
    }
  }

  /** The function has settled: what it returned goes to the scope around it, the rest ends. */
  async #close(): Promise<void> {
    const { parent, value } = this.#entry;
    const isKept = (handle: unknown) => handle === value || (Array.isArray(value) && value.includes(handle));
    for (const resource of this.#open) {
      const isOpen = parent && !parent.isSettled && !parent.isEnded && !parent.cancelled;
      if (isOpen && isKept(resource.handle ?? resource)) {
        try {
          Owner.of(parent, false).own(resource);
        } catch {
          // The scope is closing: it ends here.
          continue;
        }
        this.#open.delete(resource);
      }
    }
    const open = [...this.#open];
    this.#end(ended(this.#entry));
    await Promise.all(open.map((resource) => resource.ended));
  }
}

function ended(entry: Entry): RuntimeError {
  return new RuntimeError("TaskEnded", `${entry.name}, which opened this, has ended: use it before, or return it to the scope around`);
}

/** The part of a context that needs its host. */
export class IoContext {
  readonly #entry: Entry;
  readonly #isMasked: boolean;

  /** @internal */
  constructor(entry: Entry, isMasked: boolean) {
    this.#entry = entry;
    this.#isMasked = isMasked;
  }

  #granted<K extends keyof Io>(name: K): [NonNullable<Io[K]>, Owner] {
    const io = this.#entry.kernel.io[name];
    if (io === undefined) {
      throw new RuntimeError("capability_not_granted", `this runtime was made without \`${name}\`; name it in the \`io\` of \`createRuntime\` of @asupersync/browser`);
    }
    return [io, Owner.of(this.#entry, this.#isMasked)];
  }

  /**
   * Fetches. Ends with the task: when that is asked to stop, or returns with the body unread, the connection is given back. A
   * response that it returns goes to the scope around it.
   */
  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const [fetch, owner] = this.#granted("fetch");
    return fetch(owner, input, init);
  }

  /** Opens a WebSocket; `url` may be relative. A cancel, and leaving its loop, closes it with the handshake. */
  socket(url: string | URL, options?: SocketOptions): Socket {
    const [socket, owner] = this.#granted("socket");
    return socket(owner, url, options);
  }

  /** The chunks of a stream, which is cancelled unless it is read to its end. */
  readable<T>(stream: ReadableStream<T>): Incoming<T> {
    const [streams, owner] = this.#granted("streams");
    return streams.readable(owner, stream);
  }

  /** Writes into a stream, which is aborted unless it is closed. */
  writable<T>(stream: WritableStream<T>): Writing<T> {
    const [streams, owner] = this.#granted("streams");
    return streams.writable(owner, stream);
  }

  /** One side of a channel; the other side is wrapped as well, wherever it is. */
  port<T>(port: MessagePort, options?: PortOptions): Port<T> {
    const [ports, owner] = this.#granted("ports");
    return ports.port(owner, port, options);
  }

  /** A channel: this side, and the one to send away. */
  channel<T>(options?: PortOptions): [Port<T>, MessagePort] {
    const [ports, owner] = this.#granted("ports");
    return ports.channel(owner, options);
  }

  /** Talks with everybody of this origin who uses the same name. */
  broadcast<T>(name: string, options?: QueueOptions): Broadcast<T> {
    const [ports, owner] = this.#granted("ports");
    return ports.broadcast(owner, name, options);
  }
}
