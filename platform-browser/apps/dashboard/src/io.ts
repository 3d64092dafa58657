// Waits for what the page gives, each ended by a cancel: events, answers of the server, messages of a socket.

import type { Cx } from "@asupersync/browser-core";

/** How many messages wait for their reader; past that the oldest is dropped: a later quote is worth more. */
const MESSAGES_MAX = 256;

/** How long the peer has to answer a farewell, in milliseconds. */
const FAREWELL_MS = 800;

/** Waits until what `start` was given is called; rejects when the task is asked to stop. */
export function until<T>(cx: Cx, start: (done: (value: T) => void) => void): Promise<T> {
  const { signal } = cx;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) {
      stop();
      return;
    }
    signal.addEventListener("abort", stop, { once: true });
    start((value) => {
      signal.removeEventListener("abort", stop);
      resolve(value);
    });
  });
}

/** The next frame of the page. */
export function frame(cx: Cx): Promise<number> {
  return until(cx, (done) => requestAnimationFrame(done));
}

/** The text of an answer; rejects if it is not a good one. */
export async function get(cx: Cx, url: string): Promise<string> {
  const answer = await fetch(url, { signal: cx.signal });
  if (!answer.ok) {
    throw new Error(`${url}: the server answers ${answer.status}`);
  }
  return answer.text();
}

/** The messages of a WebSocket; ends when the server closes it. Left early or cancelled it says farewell, and waits for the server's. */
export async function* socket(cx: Cx, path: string): AsyncGenerator<string, void, undefined> {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const found = new WebSocket(url);
  const messages: string[] = [];
  let wake = () => {};
  const closed = new Promise<void>((resolve) => found.addEventListener("close", () => resolve()));
  found.addEventListener("message", ({ data }) => {
    messages.push(String(data));
    if (messages.length > MESSAGES_MAX) {
      messages.shift();
    }
    wake();
  });
  found.addEventListener("close", () => wake());
  cx.defer(async (own) => {
    found.close(1000);
    await Promise.race([closed, own.sleep(FAREWELL_MS)]);
  });
  for (;;) {
    for (let text = messages.shift(); text !== undefined; text = messages.shift()) {
      yield text;
    }
    if (found.readyState === WebSocket.CLOSED) {
      return;
    }
    await until<void>(cx, (done) => (wake = () => done()));
  }
}
