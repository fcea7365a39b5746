import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Namespace, namespaceObstacle } from "../lab/namespace.ts";
import { MAIN, mtaSts } from "./command.ts";
import { control, DaemonProcess, endDaemons, Home } from "./daemon-process.ts";

const NOBODY = 65_534;

describe("the life of a daemon", () => {
  let home: Home;
  const servers: Server[] = [];

  beforeEach(() => {
    home = new Home().configure(null);
  });
  afterEach(async () => {
    await endDaemons();
    for (const server of servers.splice(0)) server.close();
    home.remove();
  });

  const takenPort = () =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
      servers.push(server);
    });

  it.each(["SIGTERM", "SIGINT"] as const)("ends with exit code 0 on %s and removes its sockets", async (signal) => {
    const daemon = await DaemonProcess.start(home);
    expect(existsSync(home.control)).toBe(true);
    expect(await daemon.stop(signal)).toBe(0);
    expect(daemon.events("daemon-stopped")[0]?.cause).toBe(signal);
    expect(existsSync(home.control)).toBe(false);
    expect(daemon.stderr).toBe("");
  });

  it("says at start what it listens on, and that DANE is off where nobody validates (R-7672-2.1.1-02)", async () => {
    const daemon = await DaemonProcess.start(home);
    const started = await daemon.event("daemon-started");
    expect(started.listeners).toEqual([
      expect.stringMatching(/^postfix 127\.0\.0\.1:\d+$/),
      `control unix:${home.control}`,
      expect.stringMatching(/^http 127\.0\.0\.1:\d+$/),
    ]);
    expect((await daemon.event("dane-off")).level).toBe("error");
  });

  it("opens the control socket with mode 0600 and replaces one that a killed daemon left", async () => {
    const first = await DaemonProcess.start(home);
    expect(lstatSync(home.control).mode & 0o777).toBe(0o600);
    await first.stop("SIGKILL");
    expect(lstatSync(home.control).isSocket()).toBe(true);
    const second = await DaemonProcess.start(home);
    expect((await control(home.control, "GET", "/v1/status")).status).toBe(200);
    expect(await second.stop()).toBe(0);
  });

  it("tells its state on the control socket and on /healthz and /readyz", async () => {
    const daemon = await DaemonProcess.start(home);
    const status = JSON.parse((await control(home.control, "GET", "/v1/status")).body);
    expect(status).toMatchObject({
      version: 1,
      pid: daemon.child.pid,
      serving: true,
      persisting: true,
      reason: "",
      config: home.config,
      storePath: home.store,
      resolver: "not asked yet",
    });
    const ready = await daemon.page("/readyz");
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.body)).toMatchObject({ status: "ok", serving: true, persisting: true, unwritten: 0 });
    expect((await daemon.page("/healthz")).status).toBe(200);
    expect((await daemon.page("/metrics")).body).toContain("mta_sts_build_info{version=");
  });

  it("says in health and metrics that a store in memory does not persist", async () => {
    home.configure(null, { store: { type: "memory" } });
    const daemon = await DaemonProcess.start(home);
    const health = JSON.parse((await daemon.page("/healthz")).body);
    expect(health).toMatchObject({ status: "degraded", persisting: false, reason: expect.stringContaining("memory") });
    expect((await daemon.page("/metrics")).body).toContain("mta_sts_store_persisting 0\n");
  });

  it("starts, loud, when the store is damaged, and defers what it may have known (R-8461-CSM-12)", async () => {
    writeFileSync(home.store, "this is no database".repeat(500));
    const daemon = await DaemonProcess.start(home);
    expect((await daemon.event("store-quarantined")).level).toBe("error");
    expect(await daemon.ask("postfix lost.test")).toMatch(/^TEMP discovery-failed: /);
  });

  it("does not start where store.path names a directory, and leaves that as it is", async () => {
    mkdirSync(home.store);
    writeFileSync(join(home.store, "inside"), "kept");
    const { code, stdout, stderr } = await mtaSts(["serve", "--config", home.config]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(`policy store ${home.store}: is a directory; name a file in it in store.path`);
    expect(readdirSync(home.store)).toEqual(["inside"]);
    expect(readdirSync(home.folder).filter((name) => name.startsWith("policies.db"))).toEqual(["policies.db"]);
  });

  it("does not start on a store that its user may not use, and says which path, which user and what to do", async (context) => {
    if (process.getuid?.() !== 0) context.skip("making another user's files needs root");
    const place = join(home.folder, "root");
    mkdirSync(place, { mode: 0o700 });
    chmodSync(home.folder, 0o755);
    home.configure(null, { listen: [{ postfix: "127.0.0.1:0" }], store: { path: join(place, "policies.db") } });
    const daemon = DaemonProcess.launch(["--config", home.config], { uid: NOBODY });
    expect(await daemon.ended).toBe(3);
    expect(daemon.stderr).toContain(
      `user ${NOBODY} may not use ${place}; chown it to the daemon's user or set store.path`,
    );
    expect(daemon.lines).toEqual([]);
  });

  it("starts on a store that its user may read but not write", async (context) => {
    if (process.getuid?.() !== 0) context.skip("making another user's files needs root");
    await (await DaemonProcess.start(home)).stop();
    chmodSync(home.folder, 0o755);
    chmodSync(home.store, 0o644);
    home.configure(null, { listen: [{ postfix: "127.0.0.1:0" }] });
    const daemon = await DaemonProcess.start(home, { uid: NOBODY });
    const { detail } = await daemon.event("store-read-only");
    expect(String(detail).split(home.store)).toHaveLength(2);
    expect(await daemon.stop()).toBe(0);
  });

  it("does not start on an address that is taken, and says which, why and what to do", async () => {
    const port = await takenPort();
    home.configure(null, { listen: [{ postfix: `127.0.0.1:${port}` }, { control: `unix:${home.control}` }] });
    const { code, stderr } = await mtaSts(["serve", "--config", home.config]);
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`cannot listen on postfix 127\\.0\\.0\\.1:${port}: another program`));
    expect(stderr).toContain('"listen" in the configuration');
    expect(existsSync(home.control)).toBe(false);
  });

  it("does not start where another daemon answers on the control socket, and leaves that one alone", async () => {
    const first = await DaemonProcess.start(home);
    const { code, stderr } = await mtaSts(["serve", "--config", home.config]);
    expect(code).toBe(3);
    expect(stderr).toContain(`cannot listen on control unix:${home.control}: `);
    expect(stderr).toContain("another daemon answers there; stop it first");
    expect((await control(home.control, "GET", "/v1/status")).status).toBe(200);
    expect(await first.stop()).toBe(0);
  });

  it.for([
    ["another user's", (place: string) => chownSync(place, NOBODY, NOBODY), "belongs to user 65534"],
    ["writable for all", (place: string) => chmodSync(place, 0o777), "can be written by others"],
  ] as const)("does not put the control socket into a directory that is %s", async ([title, spoil, why], context) => {
    if (title === "another user's" && process.getuid?.() !== 0) context.skip("making another user's files needs root");
    const place = join(home.folder, "place");
    mkdirSync(place);
    spoil(place);
    home.configure(null, { listen: [{ control: `unix:${place}/control.sock` }] });
    const { code, stderr } = await mtaSts(["serve", "--config", home.config]);
    expect(code).toBe(3);
    expect(stderr).toContain(why);
  });

  it("does not follow a symbolic link to the control socket's directory", async () => {
    mkdirSync(join(home.folder, "real"));
    symlinkSync(join(home.folder, "real"), join(home.folder, "link"));
    home.configure(null, { listen: [{ control: `unix:${home.folder}/link/control.sock` }] });
    const { code, stderr } = await mtaSts(["serve", "--config", home.config]);
    expect(code).toBe(3);
    expect(stderr).toContain("symbolic link");
  });

  it("names every problem of the configuration with its line, for people and for the log, with exit code 2", async () => {
    writeFileSync(home.config, "stor:\n  type: sqlite\nlog:\n  level: loud\n");
    const { code, stderr, stdout } = await mtaSts(["serve", "--config", home.config]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${home.config}:1:1: unknown key "stor", did you mean "store"?`);
    expect(stderr).toContain(`${home.config}:4:10: log.level: expected debug, info, warn or error`);
    const lines = stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        event: "config-error",
        level: "error",
        detail: `${home.config}:1:1: unknown key "stor", did you mean "store"?`,
      }),
      expect.objectContaining({
        event: "config-error",
        detail: expect.stringMatching(/:4:10: log\.level: expected debug, info, warn or error[^\n]*$/),
      }),
    ]);
  });

  it("does not start in an environment that turns certificate checks off", async () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const { code, stderr } = await mtaSts(["serve", "--config", home.config], { env });
    expect(code).toBe(2);
    expect(stderr).toContain("NODE_TLS_REJECT_UNAUTHORIZED=0");
  });

  it("goes on after SIGHUP and says that only a restart reads the configuration", async () => {
    const daemon = await DaemonProcess.start(home);
    daemon.child.kill("SIGHUP");
    while (!daemon.stderr.includes("restart")) await new Promise((done) => daemon.child.stderr?.once("data", done));
    expect(await daemon.ask("postfix [192.0.2.1]")).toBe("NOTFOUND ");
    expect(await daemon.stop()).toBe(0);
  });

  it("ends at once with exit code 1 on a second signal", async () => {
    const silent = createSocket("udp4");
    await new Promise<void>((done) => silent.bind(0, "127.0.0.1", done));
    home.configure(null, { dns: { servers: [`127.0.0.1:${silent.address().port}`], timeout: "30s" } });
    const daemon = await DaemonProcess.start(home);
    const client = await daemon.postfix();
    const pending = client.ask("postfix pending.test");
    await once(silent, "message");
    const idle = await daemon.postfix();
    await idle.ask("postfix [192.0.2.1]"); // so that it is accepted, and not only on its way
    daemon.child.kill("SIGTERM");
    await idle.closed();
    expect(await daemon.stop("SIGINT")).toBe(1);
    expect(await pending).toBeNull();
    silent.close();
  });

  it("logs a fault of its own and ends with exit code 1 rather than run in an unknown state", async () => {
    const fault = join(home.folder, "fault.mjs");
    writeFileSync(fault, 'process.on("SIGUSR2", () => void Promise.reject(new Error("wires crossed")));\n');
    const daemon = await DaemonProcess.start(home, { nodeArgs: ["--import", fault] });
    daemon.child.kill("SIGUSR2");
    expect(await daemon.ended).toBe(1);
    expect(daemon.events("internal-error")[0]).toMatchObject({
      where: "unhandledRejection",
      detail: "wires crossed",
      level: "error",
    });
  });

  it("keeps serving when nobody reads its log any more", async () => {
    const daemon = await DaemonProcess.start(home);
    daemon.child.stdout?.destroy();
    for (let i = 0; i < 3; i++) expect(await daemon.ask(`postfix unread${i}.test`)).toMatch(/^TEMP/);
    expect(await daemon.ask("postfix [192.0.2.1]")).toBe("NOTFOUND ");
    expect(await daemon.stop()).toBe(0);
  });

  describe("on a fresh machine, without any configuration", () => {
    let namespace: Namespace;
    beforeEach(async (context) => {
      const obstacle = namespaceObstacle();
      if (obstacle !== null) context.skip(obstacle);
      if (existsSync("/etc/mta-sts/config.yaml")) context.skip("this machine has an /etc/mta-sts/config.yaml");
      namespace = await Namespace.create();
      return () => namespace.close();
    });

    it("serves with its built-in defaults as an ordinary user, also below a long path", async () => {
      const deep = join(home.folder, "d".repeat(100));
      mkdirSync(deep);
      chmodSync(home.folder, 0o755);
      chownSync(deep, NOBODY, NOBODY);
      const [command, args] = namespace.command("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups"]);
      const daemon = DaemonProcess.launch([], { cwd: deep, command: [command, ...args, process.execPath] });
      const started = await daemon.event("daemon-started");
      expect(started.listeners).toEqual([
        "postfix 127.0.0.1:8461",
        "control unix:./.mta-sts/control.sock",
        "http 127.0.0.1:8462",
      ]);
      expect(lstatSync(join(deep, ".mta-sts/control.sock")).mode & 0o777).toBe(0o600);
      expect(lstatSync(join(deep, ".mta-sts/policies.db")).uid).toBe(NOBODY);
      const asked = await namespace.run(
        process.execPath,
        [MAIN, "cache", "list", "--socket", ".mta-sts/control.sock"],
        {
          cwd: deep,
        },
      );
      expect(asked).toMatchObject({ code: 0, stdout: "", stderr: "mta-sts: no policies are stored\n" });
      const health = await namespace.run(process.execPath, [
        "-e",
        'fetch("http://127.0.0.1:8462/readyz").then((r) => console.log(r.status))',
      ]);
      expect(health.stdout.trim()).toBe("200");
      expect(await daemon.stop()).toBe(0);
    });
  });
});
