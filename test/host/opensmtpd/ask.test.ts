import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { askDaemonAt } from "../../../bindings/opensmtpd/ask.ts";

it.each([
  ["relay mx.a.example\n", "relay mx.a.example"],
  ["relay mx.a.exa", null],
  ["", null],
])("the table helper takes the answer %j as %j: half a host name is a host name, too", async (sent, taken) => {
  const server = createServer((socket) => socket.end(sent)).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const asked = askDaemonAt({ transport: "tcp", host: "127.0.0.1", port })("ROUTE a.example");
  if (taken === null) await expect(asked).rejects.toThrow(/answer/);
  else expect(await asked).toBe(taken);
});
