import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { type Answer, decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from "dns-packet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCa, type IssuedCertificate } from "../lab/ca.ts";
import { Namespace, namespaceObstacle } from "../lab/namespace.ts";
import { type PostfixFlavour, postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { type NamespaceDoor, openDoor } from "./namespace-door.ts";
import { type PolicyServer, PostfixInstance } from "./postfix-instance.ts";
import { makeWorkDirectory, removeWorkDirectory } from "./work-directory.ts";

// The harness is itself under test here, with the smallest servers that a delivery needs. MTA-STS is tested elsewhere.

const mx = "mx.good.test";

/** good.test has one MX host, at 127.0.0.1; there is nothing else in the world. */
async function serveNames(door: NamespaceDoor): Promise<{ close(): void }> {
  const socket = await door.bind(53);
  socket.on("message", (query, from) => {
    const { id, questions } = decode(query);
    const question = questions?.[0];
    const answers: Answer[] = [];
    if (question?.type === "MX" && question.name.endsWith("good.test"))
      answers.push({ type: "MX", name: question.name, data: { preference: 10, exchange: mx } });
    if (question?.type === "A" && question.name === mx) answers.push({ type: "A", name: mx, data: "127.0.0.1" });
    const flags = RECURSION_DESIRED | RECURSION_AVAILABLE;
    socket.send(encode({ type: "response", id: id ?? 0, flags, questions: questions ?? [], answers }), from.port);
  });
  return { close: () => socket.close() };
}

/** Accepts every message, with STARTTLS. */
async function serveMail(door: NamespaceDoor, certificate: IssuedCertificate): Promise<Server> {
  const server = await door.listen(25);
  const secureContext = createSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
  const converse = (socket: Socket, greeting: string) => {
    let inData = false;
    socket.on("error", () => {});
    if (greeting !== "") socket.write(greeting);
    socket.on("data", (chunk) => {
      const words = chunk.toString("latin1");
      if (inData) {
        inData = !words.endsWith("\r\n.\r\n");
        if (!inData) socket.write("250 2.0.0 taken\r\n");
      } else if (/^EHLO/i.test(words)) socket.write(`250-${mx}\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 STARTTLS\r\n`);
      else if (/^STARTTLS/i.test(words)) {
        socket.removeAllListeners("data");
        socket.write("220 go\r\n");
        converse(new TLSSocket(socket, { isServer: true, secureContext }), "");
      } else if (/^DATA/im.test(words)) {
        inData = true;
        socket.write("354 go\r\n");
      } else if (/^QUIT/i.test(words)) socket.end("221 bye\r\n");
      else socket.write("250 ok\r\n");
    });
  };
  server.on("connection", (socket) => converse(socket, `220 ${mx} ESMTP\r\n`));
  return server;
}

/** A socketmap server that gives one scripted answer to everything and remembers what was asked. */
class ScriptedPolicies {
  answer = "NOTFOUND ";
  readonly asked: string[] = [];

  attach(server: Server): void {
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        this.asked.push(chunk.toString().replace(/^\d+:(.*),$/s, "$1"));
        socket.write(`${Buffer.byteLength(this.answer)}:${this.answer},`);
      });
    });
  }
}

const processesIn = (namespace: string): string[] =>
  execFileSync("ip", ["netns", "pids", namespace], { encoding: "utf8" }).split("\n").filter(Boolean);

const variants: readonly (readonly [PostfixFlavour, "inet" | "unix", boolean])[] = [
  [postfix37, "inet", false],
  [postfix37, "unix", true],
  [postfix310, "inet", false],
  [postfix310, "unix", true],
];

for (const [flavour, kind, jailed] of variants) {
  const reason = whyUnavailable(flavour);
  const title = `${flavour.name}, ${jailed ? "jailed" : "not jailed"}, policies over ${kind}`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    const policies = new ScriptedPolicies();
    const cleanup: (() => unknown)[] = [];
    let namespace: Namespace;
    let door: NamespaceDoor;
    let postfix: PostfixInstance;
    let server: PolicyServer;

    beforeAll(async () => {
      namespace = await Namespace.create();
      cleanup.push(() => namespace.close());
      door = await openDoor(namespace);
      cleanup.push(() => door.close());
      const ca = await createCa();
      const names = await serveNames(door);
      const mail = await serveMail(door, await ca.issueFor(mx, "good"));
      cleanup.push(
        () => names.close(),
        () => mail.close(),
      );

      const caDirectory = mkdtempSync(join(tmpdir(), "mta-sts-ca-"));
      writeFileSync(join(caDirectory, "ca.pem"), ca.caPem);
      postfix = new PostfixInstance({
        flavour,
        namespace,
        door,
        jailed,
        caFile: join(caDirectory, "ca.pem"),
      });
      rmSync(caDirectory, { recursive: true });
      cleanup.push(() => postfix.remove());
      if (kind === "inet") {
        const listening = await door.listen(8461);
        policies.attach(listening);
        cleanup.push(() => listening.close());
        server = { inet: "127.0.0.1:8461" };
      } else {
        const path = join(postfix.queueDirectory, "mta-sts/policy.sock");
        mkdirSync(join(postfix.queueDirectory, "mta-sts"));
        const listening = createServer().listen(path);
        await once(listening, "listening");
        chmodSync(path, 0o666);
        policies.attach(listening);
        cleanup.push(() => listening.close());
        server = { unix: path };
      }
      await postfix.configure({ smtp_tls_policy_maps: postfix.policyMap(server, "postfix") });
      await postfix.start();
    });

    afterAll(async () => {
      const faults: unknown[] = [];
      for (const step of cleanup.reverse())
        try {
          await step();
        } catch (fault) {
          faults.push(fault);
        }
      expect(faults).toEqual([]);
    });

    const message = { from: "a@sender.lab.test", to: "b@good.test", subject: "hello" };

    it("is the Postfix that its name says", async () => {
      const version = await postfix.command(["postconf", "-dh", "mail_version"]);
      expect(`Postfix ${version.stdout}`).toMatch(flavour.name);
    });

    it("delivers without authentication when there is no policy", async () => {
      policies.answer = "NOTFOUND ";
      policies.asked.length = 0;
      const delivery = await postfix.waitForStatus(await postfix.send(message));
      expect(delivery).toMatchObject({
        to: "b@good.test",
        status: "sent",
        dsn: "2.0.0",
        text: "250 2.0.0 taken",
        relay: `${mx}[127.0.0.1]:25`,
      });
      expect(policies.asked[0]).toBe("postfix good.test");
    });

    it("delivers verified when the certificate carries the name that the answer asks for", async () => {
      policies.answer = `OK secure match=${mx} servername=hostname`;
      const delivery = await postfix.waitForStatus(await postfix.send(message));
      expect(delivery).toMatchObject({ status: "sent", tls: "Verified" });
    });

    it("defers when the certificate carries another name, and delivers when tried again under a good answer", async () => {
      policies.answer = "OK secure match=mx.other.test servername=hostname";
      const queueId = await postfix.send(message);
      expect(await postfix.waitForStatus(queueId)).toMatchObject({
        status: "deferred",
        dsn: "4.7.5",
        text: "Server certificate not verified",
      });
      expect(await postfix.queued()).toEqual([queueId]);
      policies.answer = `OK secure match=${mx} servername=hostname`;
      await postfix.requeue(queueId);
      expect(await postfix.waitForStatus(queueId)).toMatchObject({ status: "sent", tls: "Verified" });
    });

    it("defers at TEMP with 4.7.5 and shows the reason in the maillog", async () => {
      policies.answer = "TEMP dns-timeout good.test: run mta-sts query good.test";
      const delivery = await postfix.waitForStatus(await postfix.send(message));
      expect(delivery).toMatchObject({ status: "deferred", dsn: "4.7.5", text: "client TLS configuration problem" });
      expect(delivery.lines.join("\n")).toContain("dns-timeout good.test: run mta-sts query good.test");
      await postfix.emptySpool();
      expect(await postfix.queued()).toEqual([]);
    });

    it("asks with the U-label of an internationalised recipient", async () => {
      policies.answer = "NOTFOUND ";
      policies.asked.length = 0;
      const delivery = await postfix.waitForStatus(await postfix.send({ ...message, to: "b@bücher.good.test" }));
      expect(delivery.to).toBe("b@bücher.good.test");
      expect(policies.asked[0]).toBe("postfix bücher.good.test");
    });

    it("shows with postmap -q what Postfix would get", async () => {
      policies.answer = "OK may";
      expect(await postfix.postmapQuery("good.test", server, "postfix")).toEqual({
        rc: 0,
        stdout: "may\n",
        stderr: "",
      });
      policies.answer = "NOTFOUND ";
      expect(await postfix.postmapQuery("good.test", server, "postfix")).toEqual({ rc: 1, stdout: "", stderr: "" });
      policies.answer = "TEMP because of this";
      const failed = await postfix.postmapQuery("good.test", server, "postfix");
      expect(failed.rc).toBe(1);
      expect(failed.stderr).toContain("because of this");
    });

    it("tells in Postfix's own words why it does not start", async () => {
      await postfix.stop();
      await postfix.configure({ inet_interfaces: "192.0.2.1" });
      await expect(postfix.start()).rejects.toThrow(/192\.0\.2\.1/);
      await postfix.configure({ inet_interfaces: postfix.address });
      await postfix.start();
      expect(await postfix.parameter("inet_interfaces")).toBe(postfix.address);
    });

    it("leaves no process and no mount behind when it stops", async () => {
      await postfix.stop();
      await door.close();
      expect(processesIn(namespace.name)).toEqual([]);
      await postfix.remove();
      expect(existsSync(postfix.directory)).toBe(false);
      expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("mta-sts-engine");
      await namespace.close();
      expect(existsSync(`/run/netns/${namespace.name}`)).toBe(false);
    });
  });
}

const obstacle = namespaceObstacle();
describe.skipIf(obstacle)(`what a killed run leaves${obstacle === null ? "" : ` [${obstacle}]`}`, () => {
  it("is removed by the next: its processes, namespaces and directories, but not those of a run that lives", async () => {
    const killed = spawn("sleep", ["1000"]);
    const namespace = `mtasts-${killed.pid}-0`;
    execFileSync("ip", ["netns", "add", namespace]);
    const directory = mkdtempSync(join(tmpdir(), `mta-sts-postfix-${killed.pid}.1-`));
    const inside = spawn("ip", ["netns", "exec", namespace, "sh", "-c", "echo up; exec sleep 1000"]);
    await once(inside.stdout, "data");
    const ends = [once(killed, "exit"), once(inside, "exit")];
    killed.kill("SIGKILL");
    await ends[0];
    const living = await Namespace.create();
    const ours = makeWorkDirectory();
    try {
      await ends[1];
      expect(existsSync(`/run/netns/${namespace}`)).toBe(false);
      expect(existsSync(directory)).toBe(false);
      const other = await Namespace.create();
      await other.close();
      removeWorkDirectory(makeWorkDirectory());
      expect(existsSync(`/run/netns/${living.name}`)).toBe(true);
      expect(existsSync(ours)).toBe(true);
    } finally {
      removeWorkDirectory(ours);
      await living.close();
    }
  });
});
