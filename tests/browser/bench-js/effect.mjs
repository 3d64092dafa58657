// The work of the bench on effect.

import { Effect, Fiber, Queue } from "effect";

const forkAll = (count, effect) =>
  Effect.gen(function* () {
    const fibers = [];
    for (let index = 0; index < count; index += 1) {
      fibers.push(yield* Effect.forkChild(effect));
    }
    return fibers;
  });

export const spawn = (count) =>
  Effect.runPromise(Effect.gen(function* () {
    let ran = 0;
    yield* Fiber.awaitAll(yield* forkAll(count, Effect.sync(() => void (ran += 1))));
    return ran;
  }));

export const pingPong = (count) =>
  Effect.runPromise(Effect.gen(function* () {
    const [there, back] = [yield* Queue.bounded(1), yield* Queue.bounded(1)];
    let got = 0;
    const ping = Effect.gen(function* () {
      for (let index = 0; index < count / 2; index += 1) {
        yield* Queue.offer(there, index);
        yield* Queue.take(back);
        got += 2;
      }
    });
    const pong = Effect.gen(function* () {
      for (let index = 0; index < count / 2; index += 1) {
        yield* Queue.offer(back, yield* Queue.take(there));
      }
    });
    yield* Fiber.joinAll([yield* Effect.forkChild(ping), yield* Effect.forkChild(pong)]);
    return got;
  }));

/** Runs until it is interrupted; gives what interrupts it and waits. */
const started = (body) =>
  new Promise((resolve) => {
    const fiber = Effect.runFork(body(() => resolve(() => Effect.runPromise(Fiber.interrupt(fiber)))));
  });

export const tree = (groups, each, clean) =>
  started((ready) => {
    let left = groups * each;
    const leaf = Effect.suspend(() => {
      left -= 1;
      if (left === 0) {
        ready();
      }
      return Effect.ensuring(Effect.never, Effect.promise(clean));
    });
    const group = Effect.flatMap(forkAll(each, leaf), (fibers) => Fiber.awaitAll(fibers));
    return Effect.flatMap(forkAll(groups, group), (fibers) => Fiber.awaitAll(fibers));
  });

export const chain = (depth, clean) =>
  started((ready) => {
    const link = (level) =>
      Effect.ensuring(
        level === depth
          ? Effect.suspend(() => (ready(), Effect.never))
          : Effect.flatMap(Effect.forkChild(Effect.suspend(() => link(level + 1))), (fiber) => Fiber.await(fiber)),
        Effect.sync(clean),
      );
    return link(1);
  });

export const idle = (count) => {
  const fiber = Effect.runFork(Effect.flatMap(forkAll(count, Effect.never), (fibers) => Fiber.awaitAll(fibers)));
  return () => Effect.runPromise(Fiber.interrupt(fiber));
};

export const sleeps = (count) =>
  Effect.runPromise(Effect.gen(function* () {
    for (let index = 0; index < count; index += 1) {
      yield* Effect.sleep(0);
    }
  }));
