// The types that a program sees. Compiled, never run: `@ts-expect-error` fails where there is no error.

import { createRuntime, ioCounts, IoError, type Capability, type IoErrorCode, type Socket } from "@asupersync/browser";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_holds: Equal<A, B>) => {};

const rt = createRuntime({ io: ["fetch", "socket"] });
await rt.scope("s", async (scope) => {
  const [first] = await scope.all([(cx) => cx.fetch("/a"), async (cx) => (await cx.fetch("/b")).text()]);
  same<typeof first, Response>(true);
  scope.spawnBackground("prices", async (cx) => {
    const socket = cx.socket("/feed", { overflow: "drop-oldest" });
    same<typeof socket, Socket>(true);
    for await (const message of socket) {
      same<typeof message, string | ArrayBuffer>(true);
    }
  });
  const [port, far] = scope.channel<{ a: number }>();
  same<typeof far, MessagePort>(true);
  for await (const { a } of port) {
    same<typeof a, number>(true);
  }
  for await (const chunk of scope.readable(new ReadableStream<Uint8Array>())) {
    same<typeof chunk, Uint8Array>(true);
  }
  // @ts-expect-error: a chunk of another type
  await scope.writable(new WritableStream<string>()).write(1);
  // @ts-expect-error: an unknown policy
  scope.socket("/feed", { overflow: "wait" });
  // @ts-expect-error: how it ends is the task's affair
  scope.socket("/feed").end();
});
const error: unknown = undefined;
if (error instanceof IoError) {
  same<typeof error.code, IoErrorCode>(true);
}
same<Capability, "fetch" | "socket" | "streams" | "ports">(true);
ioCounts(rt)?.opened.toFixed();
// @ts-expect-error: an unknown capability
createRuntime({ io: ["files"] });
