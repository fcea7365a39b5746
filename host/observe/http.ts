import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Metrics } from "./metrics.ts";
import { printable } from "./printable.ts";

/** What the daemon knows about itself. Further facts (numbers, short texts) are passed through. */
export interface Health {
  /** True while requests of MTAs are answered: false before the listeners are open and while stopping. */
  readonly serving: boolean;
  /** False while the store holds something in memory only; the daemon still serves. */
  readonly persisting: boolean;
  readonly [fact: string]: boolean | number | string | null;
}

export interface ObserveServerOptions {
  readonly metrics: Pick<Metrics, "text" | "contentType">;
  readonly health: () => Health;
  /** Hears of what went wrong while answering; the client is told no details. */
  readonly onError?: (error: unknown) => void;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";
const MAX_CONNECTIONS = 64;

/**
 * The read-only HTTP server: /metrics for Prometheus, /healthz (200 while the process answers), /readyz (503 while it
 * does not serve MTAs). It is not listening yet; the caller chooses the address, loopback by default. GET and HEAD
 * only, no request bodies, small limits: whoever reaches the port can read these pages and nothing else.
 */
export function createObserveServer(options: ObserveServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: 8 * 1024,
      headersTimeout: 2_000,
      requestTimeout: 2_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 500,
    },
    (request, response) => {
      answer(request, options).then(
        (page) => send(request, response, page),
        (error: unknown) => {
          options.onError?.(error);
          send(request, response, json(500, { status: "error" }));
        },
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = 1_000;
  return server;
}

async function answer(request: IncomingMessage, { metrics, health }: ObserveServerOptions): Promise<Page> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return { status: 405, type: TEXT_TYPE, body: "only GET and HEAD\n" };
  if (hasBody(request)) return { status: 413, type: TEXT_TYPE, body: "no request body, please\n" };
  switch (request.url?.split("?", 1)[0]) {
    case "/metrics":
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    case "/healthz":
      return json(200, report(health()));
    case "/readyz": {
      const now = health();
      return json(now.serving ? 200 : 503, report(now));
    }
    default:
      return { status: 404, type: TEXT_TYPE, body: "pages: /metrics /healthz /readyz\n" };
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
}

function report(health: Health): Record<string, unknown> {
  const status = !health.serving ? "not serving" : health.persisting ? "ok" : "degraded";
  const facts = Object.entries(health).map(([name, value]) => [
    name,
    typeof value === "string" ? printable(value) : value,
  ]);
  return { status, ...Object.fromEntries(facts) };
}

function json(status: number, value: Record<string, unknown>): Page {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, page: Page): void {
  response.writeHead(page.status, {
    "content-type": page.type,
    "content-length": Buffer.byteLength(page.body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(page.status === 405 ? { allow: "GET, HEAD" } : {}),
    // What is left of a refused request must not be read as the next one.
    ...(page.status === 405 || page.status === 413 ? { connection: "close" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : page.body);
}
