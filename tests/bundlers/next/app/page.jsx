"use client";

// Is rendered on the server first, where the import has to do nothing.

import * as core from "@asupersync/browser-core";
import { useEffect, useState } from "react";

import { run, told } from "../app.mjs";

export default function Page() {
  const [result, setResult] = useState("");
  useEffect(() => {
    told(run(core)).then(setResult);
  }, []);
  return <output id="result">{result}</output>;
}
