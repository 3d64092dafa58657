// The module that the scripts carry: text that becomes bytes when the first runtime is made.

import { compile } from "./load.js";
import { COMMON, LENGTH, LETTERS, SHIFTS, TEXT } from "./module.js";

let compiled: WebAssembly.Module | undefined;

/** Compiled once. */
export function inlined(): WebAssembly.Module {
  return (compiled ??= compile(bytes));
}

function bytes(): Uint8Array<ArrayBuffer> {
  const rare = [...Array(256).keys()].filter((byte) => !COMMON.includes(byte));
  const order = new Uint8Array([...COMMON, ...rare]);
  const places = new Uint8Array(128);
  [...LETTERS, ...SHIFTS].forEach((character, place) => (places[character.charCodeAt(0)] = place));
  const found = new Uint8Array(LENGTH);
  let at = 0;
  let from = 0;
  for (let index = 0; index < TEXT.length; index += 1) {
    const place = places[TEXT.charCodeAt(index)] as number;
    const shift = place - LETTERS.length;
    if (shift < 0) {
      found[at] = order[from + place] as number;
      at += 1;
    }
    from = shift < 0 ? 0 : COMMON.length + shift * LETTERS.length;
  }
  return found;
}
