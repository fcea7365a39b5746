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

/** An address of the machine that smtpd does not count among its own ("local"): only loopback is. */
export const outside = "192.0.2.1";

/** Lines of smtpd.conf for a listener that takes mail of users who have authenticated. */
export async function submissionListener(directory: string): Promise<string> {
  const { certPem, keyPem } = await (await createCa()).issueFor("sender.lab.test", "good");
  const [certificate, key] = [join(directory, "sender.pem"), join(directory, "sender.key")];
  writeFileSync(certificate, certPem);
  writeFileSync(key, keyPem, { mode: 0o600 });
  chownSync(key, 0, 0);
  return `pki sender cert "${certificate}"
pki sender key "${key}"
table users { ${user.name} = "${encrypted}" }
listen on ${outside} port ${port} smtps pki sender auth <users> hostname sender.lab.test
`;
}

/** A connection to that listener, TLS and all, from an address that is not loopback. */
export async function fromOutside(door: NamespaceDoor): Promise<Socket> {
  const socket = await door.connect(port, outside);
  // The certificate of the submission server is not what is tested.
  const secure = connect({ socket, rejectUnauthorized: false });
  await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}
