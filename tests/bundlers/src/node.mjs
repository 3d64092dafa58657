// A program for node with the module in it.

import { result } from "./inlined.mjs";

console.log(await result);
