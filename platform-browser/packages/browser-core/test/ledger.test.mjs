// What is closed for an instance that is gone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ledger } from "../dist/panic.js";

test("all that is open is closed once, the newest first, whatever one of them throws", () => {
  const ledger = new Ledger();
  const closed = [];
  const twice = () => closed.push("twice");
  const takeOut = ledger.add(twice);
  ledger.add(twice);
  ledger.add(() => {
    closed.push("throws");
    ledger.add(() => closed.push("late"));
    throw new Error("does not close");
  });
  takeOut();
  takeOut();
  assert.equal(ledger.size, 2);
  assert.deepEqual(ledger.closeAll().map(({ message }) => message), ["does not close"]);
  assert.deepEqual(closed, ["throws", "twice"]);
});
