// The cases of `tests/browser/capsules.mjs` under node, with the sockets of `ws` as those of the host.

import { after, test } from "node:test";

import * as browser from "@asupersync/browser";
import { WebSocket } from "ws";

import { capsules } from "../../../../tests/browser/capsules.mjs";
import { peer } from "../../../../tests/browser/peer.mjs";
import { serve } from "../../../../tests/browser/serve.mjs";

globalThis.WebSocket = WebSocket;
const server = await serve({ peer: peer() });
after(() => server.close());
for (const [name, run] of Object.entries(capsules(browser, server.origin))) {
  test(name, run);
}
