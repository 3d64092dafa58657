// The work of the bench on what one writes by hand: an AbortController, a set of promises, a queue.

class Nursery {
  #controller = new AbortController();
  #running = new Set();
  #error;

  constructor(around) {
    around?.addEventListener("abort", () => this.#controller.abort(around.reason), { once: true });
  }

  spawn(call) {
    const { signal } = this.#controller;
    const running = (async () => call(signal))()
      .catch((error) => {
        this.#error ??= error;
        this.#controller.abort(error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async join() {
    while (this.#running.size > 0) {
      await Promise.all(this.#running);
    }
    if (this.#error) {
      throw this.#error;
    }
  }

  async cancel() {
    this.#controller.abort(new DOMException("cancelled", "AbortError"));
    await this.join().catch(() => {});
  }
}

class Queue {
  #messages = [];
  #waiting = [];

  send(message) {
    const waiting = this.#waiting.shift();
    waiting ? waiting.resolve(message) : this.#messages.push(message);
  }

  recv(signal) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#messages.length > 0) {
        resolve(this.#messages.shift());
        return;
      }
      const waiting = {
        resolve(message) {
          signal.removeEventListener("abort", aborted);
          resolve(message);
        },
      };
      const aborted = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", aborted, { once: true });
      this.#waiting.push(waiting);
    });
  }
}

const aborted = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

const sleep = (signal, ms) =>
  new Promise((resolve, reject) => {
    const fail = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", fail);
      resolve();
    }, ms);
    signal.addEventListener("abort", fail, { once: true });
  });

export const spawn = async (count) => {
  let ran = 0;
  const nursery = new Nursery();
  for (let index = 0; index < count; index += 1) {
    nursery.spawn(async () => void (ran += 1));
  }
  await nursery.join();
  return ran;
};

export const pingPong = async (count) => {
  const [there, back] = [new Queue(), new Queue()];
  let got = 0;
  const nursery = new Nursery();
  nursery.spawn(async (signal) => {
    for (let index = 0; index < count / 2; index += 1) {
      there.send(index);
      await back.recv(signal);
      got += 2;
    }
  });
  nursery.spawn(async (signal) => {
    for (let index = 0; index < count / 2; index += 1) {
      back.send(await there.recv(signal));
    }
  });
  await nursery.join();
  return got;
};

export const tree = async (groups, each, clean) => {
  const root = new Nursery();
  for (let group = 0; group < groups; group += 1) {
    root.spawn(async (around) => {
      const inner = new Nursery(around);
      for (let index = 0; index < each; index += 1) {
        inner.spawn(async (signal) => {
          try {
            await aborted(signal);
          } finally {
            await clean();
          }
        });
      }
      await inner.join();
    });
  }
  return () => root.cancel();
};

export const chain = async (depth, clean) => {
  const root = new Nursery();
  await new Promise((ready) => {
    const link = (level) => async (around) => {
      try {
        if (level === depth) {
          ready();
          await aborted(around);
        } else {
          await null;
          const inner = new Nursery(around);
          inner.spawn(link(level + 1));
          await inner.join();
        }
      } finally {
        clean();
      }
    };
    root.spawn(link(1));
  });
  return () => root.cancel();
};

export const idle = (count) => {
  const nursery = new Nursery();
  for (let index = 0; index < count; index += 1) {
    nursery.spawn((signal) => aborted(signal));
  }
  return () => nursery.cancel();
};

export const sleeps = async (count) => {
  const nursery = new Nursery();
  nursery.spawn(async (signal) => {
    for (let index = 0; index < count; index += 1) {
      await sleep(signal, 0);
    }
  });
  await nursery.join();
};
