import type { Resource } from "@asupersync/browser-core";
import type { Ledger } from "./ledger.mjs";

export function openFetch(
  ledger: Ledger, input: RequestInfo | URL, init?: RequestInit,
): Resource & { readonly response: Promise<Response> };
