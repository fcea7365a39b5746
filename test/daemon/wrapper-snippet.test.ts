import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { MAIN, run } from "./command.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const page = readFileSync(new URL("../../docs/mtas.md", import.meta.url), "utf8");
const [, snippet = ""] = /## Any other MTA[\s\S]*?```sh\n([\s\S]*?)```/.exec(page) ?? [];
const obstacle = spawnSync("jq", ["--version"]).error ? "needs jq" : policyHostObstacle();
const policy = { mode: "enforce", mx: ["mx.wrapped.test"], maxAge: 86_400 } as const;

describe("the lines of docs/mtas.md for a wrapper around a delivery agent", () => {
  let world: World;
  let home: Home;

  beforeAll(async () => {
    if (obstacle === null) world = await createWorld({ httpsAddress: "127.84.63.1", httpsPort: 443 });
  });
  beforeEach((context) => {
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
  });
  afterAll(() => world?.close());

  /** Runs them with the `mta-sts` of this tree on the path. Exit code 0: go on; 111: try again later. */
  async function wrap(domain: string): Promise<number | null> {
    const bin = join(home.folder, "bin");
    mkdirSync(bin, { recursive: true });
    const command = join(bin, "mta-sts");
    writeFileSync(
      command,
      `#!/bin/sh\nshift\nexec "${process.execPath}" "${MAIN}" query --config "${home.config}" "$@"\n`,
    );
    chmodSync(command, 0o755);
    const env = { domain, PATH: `${bin}${delimiter}${process.env.PATH}` };
    return (await run("sh", ["-c", snippet], { env })).code;
  }

  it("go on when the daemon says what it holds, or that there is nothing (R-BIND-ALL-03)", async () => {
    await world.domain("wrapped.test", { policy });
    await world.domain("unwrapped.test", {});
    await DaemonProcess.start(home);
    expect(await wrap("wrapped.test")).toBe(0);
    expect(await wrap("unwrapped.test")).toBe(0);
  });

  it("end with 111 when the daemon is not there, so that the mail waits (R-BIND-ALL-03, R-8461-5-07)", async () => {
    await world.domain("wrapped.test", { policy });
    expect(await wrap("wrapped.test")).toBe(111);
  });

  it("end with 111 when there is no such command", async () => {
    expect((await run("/bin/sh", ["-c", snippet], { env: { domain: "wrapped.test", PATH: "/nowhere" } })).code).toBe(
      111,
    );
  });
});
