import type { Socket } from "node:net";

/** One message for `submit`. Addresses may be internationalised (RFC 6531). */
export interface Message {
  readonly from: string;
  readonly to: string | readonly string[];
  readonly subject: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ask for SMTPUTF8; default: when an address is not ASCII. */
  readonly smtputf8?: boolean;
  /** Who says that they send it. */
  readonly user?: { readonly name: string; readonly password: string };
}

/** Sends one message over a connected, paused socket (plain SMTP) and closes it. Returns the queue id; Haraka's is a UUID. */
export async function submit(socket: Socket, message: Message): Promise<string> {
  const replies = smtpReplies(socket);
  const expect = async (code: string): Promise<string> => {
    const reply = (await replies.next()).value ?? "connection closed";
    if (!reply.startsWith(code)) throw new Error(`submission refused, wanted ${code}: ${reply}`);
    return reply;
  };
  const say = (command: string, code: string): Promise<string> => {
    socket.write(`${command}\r\n`);
    return expect(code);
  };
  const recipients = typeof message.to === "string" ? [message.to] : message.to;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole ASCII range is meant
  const ascii = /^[\x00-\x7f]*$/.test([message.from, ...recipients].join());
  try {
    await expect("220");
    await say("EHLO client.lab.test", "250");
    if (message.user) await say(`AUTH PLAIN ${plain(message.user)}`, "235");
    await say(`MAIL FROM:<${message.from}>${(message.smtputf8 ?? !ascii) ? " SMTPUTF8" : ""}`, "250");
    for (const recipient of recipients) await say(`RCPT TO:<${recipient}>`, "250");
    await say("DATA", "354");
    const accepted = await say(`${text(message, recipients)}\r\n.`, "250");
    const queueId = /(?:queued (?:as |\()|^250 2\.0\.0 (?=[0-9a-f]{8}\b))([\w-]+)/i.exec(accepted)?.[1];
    if (queueId === undefined) throw new Error(`no queue id in: ${accepted}`);
    await say("QUIT", "221");
    return queueId;
  } finally {
    socket.destroy();
  }
}

const plain = ({ name, password }: { name: string; password: string }): string =>
  Buffer.from(`\0${name}\0${password}`).toString("base64");

function text(message: Message, recipients: readonly string[]): string {
  const headers = { From: message.from, To: recipients.join(", "), Subject: message.subject, ...message.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [...lines, "", "Test message."].join("\r\n");
}

/** Yields whole replies, a multi-line one joined with newlines. */
async function* smtpReplies(socket: Socket): AsyncGenerator<string, undefined> {
  let pending = "";
  socket.setEncoding("utf8");
  for await (const chunk of socket) {
    pending += chunk;
    for (let whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(pending)?.[0]; whole !== undefined; ) {
      yield whole.trimEnd();
      pending = pending.slice(whole.length);
      whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(pending)?.[0];
    }
  }
  return undefined;
}
