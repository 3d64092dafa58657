// The types that a program sees. Compiled, never run: `@ts-expect-error` fails where there is no error.

import { chromeTrace, createRuntime, withRuntime, type CancelReport, type ChromeTrace, type Outcome, type Task, type TraceNode } from "@asupersync/browser-core";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_holds: Equal<A, B>) => {};

const rt = createRuntime({ mode: "deterministic" });
const value = await rt.scope("s", async (scope) => {
  const task = scope.spawn("t", async (cx) => {
    cx.defer(async (own) => own.sleep(1));
    same<typeof cx.signal, AbortSignal>(true);
    return 42;
  });
  same<typeof task, Task<number>>(true);
  same<Awaited<typeof task.outcome>, Outcome<number>>(true);
  const outcome = await task.outcome;
  switch (outcome.kind) {
    case "ok":
      same<typeof outcome.value, number>(true);
      break;
    case "err":
      same<typeof outcome.error, unknown>(true);
      break;
    case "cancelled":
      same<typeof outcome.reason.origin, string>(true);
      break;
    case "panicked":
      same<typeof outcome.error.code, import("@asupersync/browser-core").ErrorCode>(true);
      break;
    default:
      outcome satisfies never;
  }
  // @ts-expect-error: only `ok` has a value
  outcome.value;
  const report = await task.cancel({ kind: "superseded" }, { drain: 200 });
  same<typeof report, CancelReport<number>>(true);
  const all = await scope.all([async () => 1, () => "two"]);
  same<typeof all, [number, string]>(true);
  // @ts-expect-error: a background task gives nothing back
  scope.spawnBackground("b", () => {}).outcome;
  same<typeof report.outcome, Outcome<number>>(true);
  const raced = await scope.race([async () => 1, () => "two"], { late: (found) => same<typeof found, number | string>(true) });
  same<typeof raced, number | string>(true);
  const any = await scope.any([async () => 1, () => "two"]);
  same<typeof any, number | string>(true);
  const [one] = await scope.settle([async () => 1, () => "two"]);
  same<typeof one, Outcome<number>>(true);
  same<ReturnType<typeof latest>, Task<number>>(true);
  const again = await scope.retry({ attempts: 3, retryIf: (error, attempt) => error !== attempt }, async (own, attempt) => {
    own.spawn("t", () => attempt);
    return attempt;
  });
  same<typeof again, number>(true);
  function latest() {
    return scope.latest("key", async () => 42);
  }
  return "value";
});
same<typeof value, string>(true);
{
  await using handle = rt.createScope("view", { token: rt.createCancelToken({ kind: "logout" }), signal: AbortSignal.abort() });
  same<typeof handle.state, "open" | "closing" | "closed">(true);
  same<Awaited<typeof handle.outcome>, Outcome<void>>(true);
  same<Awaited<ReturnType<typeof handle.close>>, CancelReport<void>>(true);
}
const trace = chromeTrace(rt.tracing.events());
same<typeof trace, ChromeTrace>(true);
const [node] = rt.tracing.snapshot();
same<typeof node, TraceNode | undefined>(true);
const other = await withRuntime({}, async () => 1);
same<typeof other, number>(true);

// @ts-expect-error: an unknown mode
createRuntime({ mode: "fast" });
// @ts-expect-error: a task has a name
rt.scope("s", (scope) => scope.spawn(() => {}));
// @ts-expect-error: only a scope takes tasks in
rt.scope("s", (scope) => scope.spawn("t", (cx) => cx.spawn("u", () => {})));
// @ts-expect-error: runtimes are made by `createRuntime`
new (await import("@asupersync/browser-core")).Runtime();
