// A page that fetches the module, whose place the bundler knows.

import { load } from "@asupersync/browser-core/slim";
import place from "@asupersync/browser-core/wasm?url";

import { run, told } from "./app.mjs";
import { show } from "./show.mjs";

show(told(load(place).then(run)));
