import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createObserveServer, type Health, type ObserveServerOptions } from "../../../host/observe/http.ts";
import { createMetrics } from "../../../host/observe/metrics.ts";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

async function start(options: Partial<ObserveServerOptions> = {}): Promise<{ port: number; url: string }> {
  const server = createObserveServer({
    metrics: createMetrics({ version: "1" }),
    health: () => ({ serving: true, persisting: true }),
    ...options,
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}

/** Everything the server says to raw bytes until it closes the connection. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let text = "";
  socket.on("data", (piece: string) => (text += piece));
  socket.on("error", () => {});
  socket.write(bytes);
  await once(socket, "close");
  return text;
}

describe("/metrics", () => {
  it("is the Prometheus text format", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics?x=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toContain("# TYPE mta_sts_answers_total counter");
  });

  it("is 500 without details when a collector fails, and the fault is reported", async () => {
    const metrics = createMetrics({ version: "1" });
    metrics.beforeScrape(() => {
      throw new Error("secret path");
    });
    const faults: unknown[] = [];
    const { url } = await start({ metrics, onError: (error) => faults.push(error) });
    const response = await fetch(`${url}/metrics`);
    expect([response.status, await response.text()]).toEqual([500, '{"status":"error"}\n']);
    expect(faults).toEqual([new Error("secret path")]);
  });
});

describe("/healthz and /readyz", () => {
  it.each<[Health, number, number, string]>([
    [{ serving: true, persisting: true }, 200, 200, "ok"],
    [{ serving: true, persisting: false }, 200, 200, "degraded"],
    [{ serving: false, persisting: true }, 200, 503, "not serving"],
    [{ serving: false, persisting: false }, 200, 503, "not serving"],
  ])("for %o are %d and %d", async (health, healthz, readyz, status) => {
    const { url } = await start({ health: () => health });
    for (const [page, code] of [["healthz", healthz] as const, ["readyz", readyz] as const]) {
      const response = await fetch(`${url}/${page}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([
        code,
        "application/json; charset=utf-8",
      ]);
      expect(await response.json()).toEqual({ status, ...health });
    }
  });

  it("pass further facts on, as printable text", async () => {
    const { url } = await start({ health: () => ({ serving: true, persisting: true, policies: 3, reason: "a\nb" }) });
    expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ policies: 3, reason: "a\\x0ab" });
  });

  it("are 500 when health cannot be told", async () => {
    const { url } = await start({
      health: () => {
        throw new Error("x");
      },
    });
    expect((await fetch(`${url}/readyz`)).status).toBe(500);
  });
});

describe("the server", () => {
  it("answers HEAD with the headers alone", async () => {
    const { port } = await start();
    const text = await raw(port, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/content-length: [1-9]\d*\r\n/);
    expect(text).toMatch(/cache-control: no-store\r\n/);
    expect(text).toMatch(/x-content-type-options: nosniff\r\n/);
    expect(text.endsWith("\r\n\r\n")).toBe(true);
  });

  it.each(["/", "/metrics/", "//metrics", "/healthz/../metrics", "/METRICS", "/favicon.ico"])(
    "has no page %s",
    async (path) => {
      const { port } = await start();
      expect(await raw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 404 /,
      );
    },
  );

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("refuses %s and closes the connection", async (method) => {
    const { port } = await start();
    const text = await raw(port, `${method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 405 /);
    expect(text).toMatch(/allow: GET, HEAD\r\n/);
  });

  it("reads no request body, so that none can pass for the next request", async () => {
    const { port } = await start();
    const smuggled = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    const text = await raw(
      port,
      `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    const chunked = "GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await raw(port, chunked)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("refuses large headers", async () => {
    const { port } = await start();
    const text = await raw(port, `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(9_000)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("closes a connection that never finishes its request", async () => {
    const { port } = await start();
    expect(await raw(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n")).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("answers after garbage as before", async () => {
    const { port, url } = await start();
    expect(await raw(port, "\u0000\u0001\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});
