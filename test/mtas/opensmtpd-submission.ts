import { chownSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { createCa } from "../lab/ca.ts";
import type { NamespaceDoor } from "../postfix/namespace-door.ts";

const port = 2465;

/** The only user there is, and the password as crypt(3) keeps it. */
export const user = { name: "alice", password: "correct horse" };
const encrypted =
  "$6$mtastsenginetest$b6B3KepsJat8CLGYHrUVEzGR5GUaBXcQ1lsKcaPK0pFEMorx5JCflVC9icScXHJZq8xdwhkk5Yc0nev2UcMfR1";

/**
 * Lines of smtpd.conf for a listener that takes mail of users who have authenticated. It believes a proxy that says where
 * they are, so that they can be anywhere.
 */
export async function submissionListener(directory: string): Promise<string> {
  const { certPem, keyPem } = await (await createCa()).issueFor("sender.lab.test", "good");
  const [certificate, key] = [join(directory, "sender.pem"), join(directory, "sender.key")];
  writeFileSync(certificate, certPem);
  writeFileSync(key, keyPem, { mode: 0o600 });
  chownSync(key, 0, 0);
  return `pki sender cert "${certificate}"
pki sender key "${key}"
table users { ${user.name} = "${encrypted}" }
listen on 127.0.0.1 port ${port} smtps pki sender auth <users> proxy-v2 hostname sender.lab.test
`;
}

/** A connection to that listener, TLS and all, of a client at 198.51.100.7. */
export async function fromAfar(door: NamespaceDoor): Promise<Socket> {
  const socket = await door.connect(port);
  socket.write(proxyHeader([198, 51, 100, 7], [127, 0, 0, 1]));
  // The certificate of the submission server is not what is tested.
  const secure = connect({ socket, rejectUnauthorized: false });
  await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

/** The PROXY protocol, version 2: TCP over IPv4. */
function proxyHeader(from: readonly number[], to: readonly number[]): Buffer {
  const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
  const [fromPort, toPort] = [[0xc0, 0x00] as const, [port >> 8, port & 0xff] as const];
  return Buffer.from([...signature, 0x21, 0x11, 0, 12, ...from, ...to, ...fromPort, ...toPort]);
}
