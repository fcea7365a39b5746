import type { Socket } from "node:net";

/** What a TLS client says before any certificate is chosen (RFC 8446 §4.1.2). */
export interface ClientHello {
  /** server_name (RFC 6066 §3), null when the client sent none. */
  readonly sni: string | null;
  /** The protocols offered by ALPN (RFC 7301), in order. */
  readonly alpn: readonly string[];
}

const LONGEST = 16_384 + 5;

/**
 * Reads the ClientHello and puts it back, so that the host it names can choose TLS version, certificate and fault.
 * Null when the client closed first or does not speak TLS.
 */
export function peekClientHello(socket: Socket): Promise<ClientHello | null> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const end = (hello: ClientHello | null) => {
      socket.off("data", onData).off("close", onClose).off("end", onClose);
      socket.pause();
      if (seen.length > 0 && !socket.destroyed) socket.unshift(seen);
      resolve(hello);
    };
    const onClose = () => end(null);
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      if (seen[0] !== 22 || seen.length > LONGEST) end(null);
      else if (seen.length >= 5 && seen.length >= 5 + seen.readUInt16BE(3)) end(parse(seen));
    };
    socket.on("data", onData).on("close", onClose).on("end", onClose);
  });
}

function parse(record: Buffer): ClientHello | null {
  try {
    // Record header 5, handshake header 4, version 2, random 32; then session id, cipher suites, compression methods.
    let at = 43;
    at += 1 + record.readUInt8(at);
    at += 2 + record.readUInt16BE(at);
    at += 1 + record.readUInt8(at);
    const end = at + 2 + record.readUInt16BE(at);
    let sni: string | null = null;
    const alpn: string[] = [];
    for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
      const body = record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2));
      const extension = record.readUInt16BE(at);
      if (extension === 0) sni = body.subarray(5, 5 + body.readUInt16BE(3)).toString("latin1");
      if (extension === 16)
        for (let p = 2; p < body.length; p += 1 + body.readUInt8(p))
          alpn.push(body.subarray(p + 1, p + 1 + body.readUInt8(p)).toString("latin1"));
    }
    return { sni, alpn };
  } catch {
    return null;
  }
}
