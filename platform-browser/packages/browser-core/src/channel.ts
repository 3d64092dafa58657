// Bounded channels: first a place, then the message, so that neither a cancel nor a slow receiver loses one.
//
// A place is reserved and then used or given back, exactly once: by hand, or at the end of the task that holds it. What waits
// is served in turn. Nothing of a message goes through the module.

import { checkWhole } from "./check.js";
import type { Entry, Wait } from "./entry.js";
import { RuntimeError } from "./errors.js";
import { waiterOf, type Cx } from "./scope.js";

const closed = () =>
  new RuntimeError("ChannelClosed", "the channel is closed: there is nobody to take the message, or no message left to take");
const spent = () => new RuntimeError("PermitSpent", "this place was used or given back before; reserve another");

/** Who waits, for a message or for a place; in a queue, and with the entry that a cancel comes to. */
class Waiter<T> implements Wait {
  before: Waiter<T> | undefined;
  after: Waiter<T> | undefined;
  readonly promise: Promise<T>;
  readonly #entry: Entry;
  readonly #queue: Queue<T>;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;

  constructor(entry: Entry, queue: Queue<T>) {
    this.#entry = entry;
    this.#queue = queue;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    entry.kernel.steps?.pause();
    entry.addWait(this);
    queue.push(this);
  }

  get entry(): Entry {
    return this.#entry;
  }

  /** Gives it what it waits for; it is in no queue any more. */
  give(value: T): void {
    this.#entry.removeWait(this);
    this.#entry.kernel.resume(this.#entry, () => this.#resolve(value));
  }

  /** Its entry is to stop: it leaves the queue with empty hands. */
  fail(error: unknown): void {
    this.#queue.remove(this);
    this.#entry.kernel.resume(this.#entry, () => this.#reject(error));
  }

  /** The channel is closed; it is in no queue any more. */
  refuse(error: RuntimeError): void {
    this.#entry.removeWait(this);
    this.#entry.kernel.resume(this.#entry, () => this.#reject(error));
  }
}

/** Those that wait, in turn. */
class Queue<T> {
  first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;

  push(waiter: Waiter<T>): void {
    waiter.before = this.#last;
    if (this.#last) {
      this.#last.after = waiter;
    } else {
      this.first = waiter;
    }
    this.#last = waiter;
  }

  shift(): Waiter<T> | undefined {
    const { first } = this;
    if (first) {
      this.remove(first);
    }
    return first;
  }

  remove(waiter: Waiter<T>): void {
    const { before, after } = waiter;
    if (before) {
      before.after = after;
    } else {
      this.first = after;
    }
    if (after) {
      after.before = before;
    } else {
      this.#last = before;
    }
    waiter.before = waiter.after = undefined;
  }
}

/** What both ends share. */
class Core<T> {
  readonly capacity: number;
  readonly receivers = new Queue<T>();
  readonly senders = new Queue<Permit<T>>();
  /** A ring of `capacity` messages, made as it fills. */
  readonly #ring: (T | undefined)[] = [];
  #head = 0;
  #length = 0;
  /** Places that are reserved and neither used nor given back. */
  #reserved = 0;
  /** No message comes in any more. */
  isClosed = false;
  /** Nobody takes any out. */
  isDropped = false;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Whether the next place is free for who asks now. */
  get hasRoom(): boolean {
    return this.#length + this.#reserved < this.capacity;
  }

  get length(): number {
    return this.#length;
  }

  /** Puts a message into a place that nobody has reserved. */
  put(message: T): void {
    const receiver = this.receivers.shift();
    if (receiver) {
      receiver.give(message);
      return;
    }
    const at = this.#head + this.#length;
    this.#ring[at < this.capacity ? at : at - this.capacity] = message;
    this.#length += 1;
  }

  /** Takes the oldest message; there is one. */
  take(): T {
    const message = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = this.#head + 1 < this.capacity ? this.#head + 1 : 0;
    this.#length -= 1;
    this.admit();
    return message;
  }

  reserve(entry: Entry): Permit<T> {
    this.#reserved += 1;
    return new Permit(this, entry);
  }

  /** A reserved place is given up. */
  unreserve(): void {
    this.#reserved -= 1;
  }

  /** Gives a place that has become free to who waits first. */
  admit(): void {
    if (this.senders.first && this.hasRoom) {
      const sender = this.senders.shift() as Waiter<Permit<T>>;
      sender.give(this.reserve(sender.entry));
    } else {
      this.#endIfDrained();
    }
  }

  close(): void {
    this.isClosed = true;
    for (let sender = this.senders.shift(); sender; sender = this.senders.shift()) {
      sender.refuse(closed());
    }
    this.#endIfDrained();
  }

  /** Nobody takes messages any more: those that are left are dropped. */
  drop(): void {
    this.isDropped = true;
    this.#ring.length = this.#length = this.#head = 0;
    this.close();
  }

  /** Receivers hear that all is over once no message can come: places reserved before the close still count. */
  #endIfDrained(): void {
    if (!this.isOver) {
      return;
    }
    for (let receiver = this.receivers.shift(); receiver; receiver = this.receivers.shift()) {
      receiver.refuse(closed());
    }
  }

  /** Closed, empty, and no place is reserved. */
  get isOver(): boolean {
    return this.isDropped || (this.isClosed && this.#length === 0 && this.#reserved === 0);
  }
}

/** A place for one message. Used by `send`, or given back by `abort`; at the end of its task it is given back. */
export class Permit<T> {
  readonly #core: Core<T>;
  readonly #entry: Entry;
  #isSpent = false;

  /** @internal */
  constructor(core: Core<T>, entry: Entry) {
    this.#core = core;
    this.#entry = entry;
    (entry.permits ??= new Set()).add(this);
  }

  /** Sends, at once. `false`: nobody takes messages any more, and the message stays with the caller. */
  send(message: T): boolean {
    this.#spend();
    const isTaken = !this.#core.isDropped;
    if (isTaken) {
      this.#core.put(message);
    }
    this.#core.admit();
    return isTaken;
  }

  /** Gives the place back. */
  abort(): void {
    this.#spend();
    this.#core.admit();
  }

  #spend(): void {
    if (this.#isSpent) {
      throw spent();
    }
    this.#isSpent = true;
    this.#entry.permits?.delete(this);
    this.#core.unreserve();
  }
}

/** The end that messages are put in by; any number of tasks may use it. */
export class Sender<T> {
  readonly #core: Core<T>;

  /** @internal */
  constructor(core: Core<T>) {
    this.#core = core;
  }

  /** Waits for a place. Rejects with a `CancelledError` when the task is asked to stop, with `ChannelClosed` after a close. */
  async reserve(cx: Cx): Promise<Permit<T>> {
    const core = this.#core;
    const entry = waiterOf(cx);
    const turn = entry.kernel.turn(entry);
    if (turn) {
      await turn;
      waiterOf(cx);
    }
    if (core.isClosed) {
      throw closed();
    }
    if (core.hasRoom && !core.senders.first) {
      return core.reserve(entry);
    }
    return new Waiter(entry, core.senders).promise;
  }

  /** Waits for a place and sends. */
  async send(cx: Cx, message: T): Promise<void> {
    const core = this.#core;
    const entry = waiterOf(cx);
    const turn = entry.kernel.turn(entry);
    if (turn) {
      await turn;
      waiterOf(cx);
    }
    if (core.isClosed) {
      throw closed();
    }
    if (core.hasRoom && !core.senders.first) {
      core.put(message);
      return;
    }
    const permit = await new Waiter(entry, core.senders).promise;
    if (!permit.send(message)) {
      throw closed();
    }
  }

  /** Sends if there is a place now; for event handlers, which cannot wait. */
  trySend(message: T): boolean {
    const core = this.#core;
    const isTaken = !core.isClosed && core.hasRoom && !core.senders.first;
    if (isTaken) {
      core.put(message);
    }
    return isTaken;
  }

  /** No message comes after those that are in, and those whose place is reserved. */
  close(): void {
    this.#core.close();
  }
}

/** The end that messages are taken out by; of several tasks each message goes to one. */
export class Receiver<T> {
  readonly #core: Core<T>;

  /** @internal */
  constructor(core: Core<T>) {
    this.#core = core;
  }

  /** The next message. Rejects with a `CancelledError` when the task is asked to stop, with `ChannelClosed` at the end. */
  recv(cx: Cx): Promise<T> {
    return this.#recv(cx, false);
  }

  #recv(cx: Cx, isTurn: boolean): Promise<T> {
    const core = this.#core;
    let entry: Entry;
    try {
      entry = waiterOf(cx);
      const turn = isTurn ? undefined : entry.kernel.turn(entry);
      if (turn) {
        return turn.then(() => this.#recv(cx, true));
      }
      if (core.length > 0) {
        return Promise.resolve(core.take());
      }
      if (core.isOver) {
        throw closed();
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return new Waiter(entry, core.receivers).promise;
  }

  /** The messages until the channel is closed; to leave the loop loses none. */
  async *messages(cx: Cx): AsyncGenerator<T, void, undefined> {
    const core = this.#core;
    for (;;) {
      try {
        yield await this.recv(cx);
      } catch (error) {
        if (error instanceof RuntimeError && error.code === "ChannelClosed" && core.isOver) {
          return;
        }
        throw error;
      }
    }
  }

  /** How many messages are in. */
  get length(): number {
    return this.#core.length;
  }

  /** Takes no more: what is in is dropped, and senders are refused. */
  close(): void {
    this.#core.drop();
  }
}

/** Both ends of a channel. */
export interface Channel<T> {
  readonly tx: Sender<T>;
  readonly rx: Receiver<T>;
}

/** Makes channels: `rt.channels`. */
export interface ChannelFactory {
  /** A channel that holds so many messages; who sends more waits. */
  bounded<T>(capacity: number): Channel<T>;
}

export const channels: ChannelFactory = {
  bounded<T>(capacity: number): Channel<T> {
    const core = new Core<T>(checkWhole(capacity, 1, 2 ** 24, "the capacity of a channel"));
    return { tx: new Sender(core), rx: new Receiver(core) };
  },
};
