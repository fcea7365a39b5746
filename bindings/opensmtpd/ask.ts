import { connect } from "node:net";
import type { ListenAddress } from "../../host/config/config.ts";
import type { AskDaemon } from "./table.ts";

/** Milliseconds: longer than the daemon takes for any answer. */
const PATIENCE = 95_000;

/** Asks the daemon's `opensmtpd` listener, a connection for each line; rejects an answer without its line end. */
export function askDaemonAt(address: ListenAddress): AskDaemon {
  const place = address.transport === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  return (line) =>
    new Promise((resolve, reject) => {
      const socket = connect(place);
      let reply = "";
      socket.setTimeout(PATIENCE, () => socket.destroy(new Error("no answer from the daemon in time")));
      socket.setEncoding("latin1");
      socket.on("data", (text) => {
        reply += text;
      });
      socket.on("end", () => {
        if (reply.endsWith("\n")) resolve(reply.slice(0, -1));
        else reject(new Error("the daemon's answer was cut off"));
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the daemon closed without an answer")));
      socket.end(`${line}\n`, "latin1");
    });
}
