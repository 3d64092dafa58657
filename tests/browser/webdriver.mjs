// Browsers as processes: starts one with its driver, opens pages, takes pictures, and ends it. W3C WebDriver over fetch.
//
// Owns how each of the three engines is started; `cargo xtask setup` installs them.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long a driver may take to listen, in milliseconds: a busy machine starts a browser in ten seconds. */
const START_MS = 60_000;

/** How long an answer may take: a page that never gives control back blocks its driver. */
const ANSWER_MS = 30_000;

/** How long processes have between being asked and being ended. */
const END_MS = 1_000;

/** The driver's command line and what it is asked for, per engine. `profile` is a fresh folder. */
const ENGINES = {
  chromium: {
    driver: (port) => ["chromedriver", `--port=${port}`],
    capabilities: (profile) => ({
      "goog:chromeOptions": {
        binary: "/usr/bin/chromium",
        args: [
          "--headless=new",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-dev-shm-usage",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          `--user-data-dir=${profile}`,
        ],
      },
    }),
  },
  firefox: {
    driver: (port) => ["geckodriver", `--port=${port}`],
    capabilities: () => ({ "moz:firefoxOptions": { binary: "/usr/bin/firefox-esr", args: ["-headless"] } }),
  },
  webkit: {
    driver: (port) => ["xvfb-run", "-a", "dbus-run-session", "--", "WebKitWebDriver", `--port=${port}`],
    environment: {
      WEBKIT_DISABLE_COMPOSITING_MODE: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
      // Where no locale is set, `navigator.language` would be "C", which Intl refuses.
      LANG: "en_US.UTF-8",
      // Its sandbox needs user namespaces, which root in a container has not.
      ...(process.getuid?.() === 0 && { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" }),
    },
    capabilities: () => ({ "webkitgtk:browserOptions": { binary: miniBrowser(), args: ["--automation"] } }),
  },
};

export const ENGINE_NAMES = Object.keys(ENGINES);

/** Debian keeps it out of PATH, below the folder of the architecture. */
function miniBrowser() {
  for (const architecture of readdirSync("/usr/lib")) {
    for (const version of ["4.1", "6.0", "4.0"]) {
      const file = `/usr/lib/${architecture}/webkit2gtk-${version}/MiniBrowser`;
      if (existsSync(file)) {
        return file;
      }
    }
  }
  throw new Error("MiniBrowser of WebKitGTK is missing; `cargo xtask setup` installs it");
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts an engine; `close` ends it and everything that it has started. */
export async function launch(name) {
  const engine = ENGINES[name];
  if (engine === undefined) {
    throw new Error(`there is no engine ${name}; there are ${ENGINE_NAMES.join(", ")}`);
  }
  const port = await freePort();
  const profile = mkdtempSync(join(tmpdir(), "browser-"));
  const [program, ...words] = engine.driver(port);
  const driver = spawn(program, words, {
    // A group of its own: the browser and its helpers end with it.
    detached: true,
    stdio: "ignore",
    env: { ...process.env, HOME: profile, ...engine.environment },
  });
  const failed = new Promise((_, reject) => {
    driver.on("error", (error) => reject(new Error(`${program} does not start: ${error.message}; see cargo xtask setup`)));
    driver.on("exit", (code) => reject(new Error(`${program} has ended with ${code}`)));
  });
  // Only whoever waits for it meanwhile is told.
  failed.catch(() => {});
  const end = async () => {
    // First so that each may take its files and its screen away, then for whoever hangs.
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      try {
        process.kill(-driver.pid, signal);
      } catch {
        // All have ended.
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, END_MS));
    }
    try {
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    } catch (error) {
      console.log(`${name}: its folder stays: ${error.message}`);
    }
  };
  try {
    const wire = new Wire(`http://127.0.0.1:${port}`);
    await Promise.race([wire.isReady(), failed]);
    const alwaysMatch = engine.capabilities(profile);
    const { sessionId, capabilities } = await wire.send("POST", "/session", { capabilities: { alwaysMatch } });
    return new Browser(wire, `/session/${sessionId}`, capabilities, end);
  } catch (error) {
    await end();
    throw error;
  }
}

class Browser {
  constructor(wire, session, capabilities, end) {
    Object.assign(this, { wire, session, end });
    this.version = `${capabilities.browserName} ${capabilities.browserVersion}`;
  }

  open(url) {
    return this.wire.send("POST", `${this.session}/url`, { url });
  }

  /** Makes the window so many pixels wide and high. */
  resize(width, height) {
    return this.wire.send("POST", `${this.session}/window/rect`, { width, height });
  }

  /** Runs the body of a function in the page, and gives what it returns. */
  evaluate(script, ...args) {
    return this.wire.send("POST", `${this.session}/execute/sync`, { script, args });
  }

  /** The page as a PNG. */
  async picture() {
    return Buffer.from(await this.wire.send("GET", `${this.session}/screenshot`), "base64");
  }

  async close() {
    // A browser that does not answer any more is ended with its driver.
    await this.wire.send("DELETE", this.session).catch(() => {});
    await this.end();
  }
}

/** The protocol: requests and answers in JSON. */
class Wire {
  constructor(base) {
    this.base = base;
  }

  async send(method, path, body) {
    const answer = await fetch(this.base + path, {
      method,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    const { value } = await answer.json();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    }
    return value;
  }

  /** Asks until the driver listens. */
  async isReady() {
    const until = performance.now() + START_MS;
    for (;;) {
      try {
        await this.send("GET", "/status");
        return;
      } catch (error) {
        if (performance.now() > until) {
          throw new Error(`the driver does not answer at ${this.base}: ${error.message}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
