// A page that fetches the module, whose place the bundler finds in the URL.

import { load } from "@asupersync/browser-core/slim";

import { run, told } from "./app.mjs";
import { show } from "./show.mjs";

show(told(load(new URL("@asupersync/browser-core/wasm", import.meta.url)).then(run)));
