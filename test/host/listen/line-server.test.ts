import { mkdtempSync, rmSync } from "node:fs";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { type LineLimits, LineServer, type LineServerOptions } from "../../../host/listen/line-server.ts";
import type { ListenTarget } from "../../../host/listen/listen.ts";

const tcp: ListenTarget = { kind: "tcp", host: "127.0.0.1", port: 0 };
const cleanup: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

async function start(options: Partial<LineServerOptions> = {}, limits: Partial<LineLimits> = {}) {
  const answer = async (line: string) => `<${line}>`;
  const server = await LineServer.start({
    listen: [tcp],
    answer,
    malformed: "bad",
    overloaded: "full",
    limits,
    ...options,
  });
  cleanup.push(() => server.close(0));
  return server;
}

function dial(where: NetConnectOpts): Socket {
  const socket = connect({ ...where, allowHalfOpen: true } as NetConnectOpts);
  socket.on("error", () => undefined);
  cleanup.push(() => socket.destroy());
  return socket;
}

const portOf = (server: LineServer) => ({ port: server.ports[0] as number });

/** Exim's ${readsocket}: sends, closes its half, reads to the end. */
async function readsocket(where: NetConnectOpts, request: string | Buffer): Promise<string> {
  const socket = dial(where);
  socket.end(request);
  return text(socket);
}

describe("line listeners", () => {
  it("answers a client that has closed its half, without a line end, and closes (R-BIND-EX-01)", async () => {
    let release: (reply: string) => void = () => undefined;
    const server = await start({ answer: () => new Promise((resolve) => (release = resolve)) });
    const socket = dial(portOf(server));
    socket.end("MODE example.com\n");
    await expect.poll(() => release.name !== "").toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    release("none");
    expect(await text(socket)).toBe("none");
  });

  it("answers over a unix socket alike", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mta-sts-"));
    cleanup.push(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "line.sock");
    await start({ listen: [{ kind: "unix", path }] });
    expect(await readsocket({ path }, "MODE a.example\n")).toBe("<MODE a.example>");
  });

  it.each([
    ["a line in pieces", ["MO", "DE a", ".example\n"], "<MODE a.example>"],
    ["a last line without its end", ["MODE a.example"], "<MODE a.example>"],
    ["an empty line", ["\n"], "<>"],
    ["more than one line: the first counts", ["one\ntwo\n"], "<one>"],
  ])("takes %s", async (_, pieces, reply) => {
    const server = await start();
    const socket = dial(portOf(server));
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.end();
    expect(await text(socket)).toBe(reply);
  });

  it.each([
    ["nothing at all", ""],
    ["a line that is too long", `${"x".repeat(5_000)}\n`],
  ])("answers %s so that the client fails closed, and counts it", async (_, request) => {
    const causes: string[] = [];
    const server = await start({ closed: (cause) => causes.push(cause) });
    expect(await readsocket(portOf(server), request)).toBe("bad");
    expect(causes).toEqual(["malformed"]);
  });

  it("tells a client that sends half a request, so that it fails closed, and gives it up", async () => {
    const causes: string[] = [];
    const server = await start({ closed: (cause) => causes.push(cause) }, { requestTime: 50 });
    const socket = dial(portOf(server));
    socket.write("MODE exa");
    expect(await text(socket)).toBe("bad");
    expect(causes).toEqual(["half-request"]);
  });

  it("tells newcomers beyond its connections to come again, and closes no others", async () => {
    const causes: string[] = [];
    const asked: string[] = [];
    let release: (reply: string) => void = () => undefined;
    const answer = (line: string) => {
      asked.push(line);
      return new Promise<string>((resolve) => (release = resolve));
    };
    const server = await start({ answer, closed: (cause) => causes.push(cause) }, { maxConnections: 1 });
    const first = dial(portOf(server));
    first.end("still here\n");
    await expect.poll(() => asked).toEqual(["still here"]);
    expect(await readsocket(portOf(server), "MODE a.example\n")).toBe("full");
    expect(causes).toEqual(["refused"]);
    release("answered");
    expect(await text(first)).toBe("answered");
  });

  it("answers a newcomer when silent clients hold every connection: the longest silent one goes", async () => {
    const causes: string[] = [];
    const server = await start({ closed: (cause) => causes.push(cause) }, { maxConnections: 2 });
    const first = dial(portOf(server));
    await expect.poll(() => server.connections).toBe(1);
    const younger = dial(portOf(server));
    await expect.poll(() => server.connections).toBe(2);
    expect(await readsocket(portOf(server), "MODE a.example\n")).toBe("<MODE a.example>");
    expect(await text(first)).toBe("");
    expect(causes).toEqual(["evicted"]);
    younger.end("still here\n");
    expect(await text(younger)).toBe("<still here>");
  });

  it("closes on a client that drips after its answer, within the time it lingers", async () => {
    const server = await start({}, { lingerTime: 200 });
    const socket = dial(portOf(server));
    socket.write("question\n");
    const drip = setInterval(() => socket.write("x"), 20);
    cleanup.push(() => clearInterval(drip));
    expect(await text(socket)).toBe("<question>");
    await expect.poll(() => server.connections, { timeout: 2_000 }).toBe(0);
  });

  it("answers what is asked when it closes", async () => {
    const server = await start({
      answer: (line) => new Promise((done) => setTimeout(() => done(`late ${line}`), 100)),
    });
    const socket = dial(portOf(server));
    socket.write("question\n");
    await expect.poll(() => server.connections).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closed = server.close(5_000);
    expect(await text(socket)).toBe("late question");
    socket.end();
    await closed;
  });

  it("does not listen on the first target when the second cannot be had", async () => {
    const taken = await start();
    const port = taken.ports[0] as number;
    const options = { listen: [tcp, { kind: "tcp" as const, host: "127.0.0.1", port }], malformed: "", overloaded: "" };
    await expect(LineServer.start({ ...options, answer: async () => "" })).rejects.toThrow(/EADDRINUSE/);
  });
});
