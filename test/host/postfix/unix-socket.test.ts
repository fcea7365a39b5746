import { chmod, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { okReply } from "../../../bindings/postfix/reply.ts";
import { PostfixServer } from "../../../bindings/postfix/server.ts";
import type { UnixTarget } from "../../../host/listen/unix-socket.ts";
import { SocketmapClient } from "./socketmap-client.ts";

let directory = "";
const servers: PostfixServer[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mta-sts-"));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
  await rm(directory, { recursive: true });
});

async function serve(path: string, more: Partial<UnixTarget> = {}): Promise<PostfixServer> {
  const server = await PostfixServer.start({
    listen: [{ kind: "unix", path, ...more }],
    answer: (request) => okReply(request.toString("latin1")),
  });
  servers.push(server);
  return server;
}

async function answers(path: string): Promise<void> {
  const client = await SocketmapClient.open(path);
  expect(await client.ask("postfix a.example")).toBe("OK postfix a.example");
  client.socket.destroy();
}

const permissions = async (path: string) => ((await lstat(path)).mode & 0o777).toString(8);

/** A socket that nobody listens on any more, as a killed daemon leaves it. */
async function staleSocket(path: string): Promise<void> {
  const { spawnSync } = await import("node:child_process");
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", code]);
  expect((await lstat(path)).isSocket()).toBe(true);
}

describe("the unix socket", () => {
  it("is created 0660 in a private directory and removed at the end", async () => {
    const path = join(directory, "postfix.sock");
    const server = await serve(path);
    expect(await permissions(path)).toBe("660");
    await answers(path);
    await server.close(0);
    await expect(lstat(path)).rejects.toThrow(/ENOENT/);
  });

  it("takes the mode and the group that are configured", async () => {
    const path = join(directory, "postfix.sock");
    await serve(path, { mode: 0o600, group: process.getgid?.() ?? 0 });
    expect(await permissions(path)).toBe("600");
    expect((await lstat(path)).gid).toBe(process.getgid?.());
    await expect(serve(join(directory, "b.sock"), { group: "no-such-group" })).rejects.toThrow(
      'no group "no-such-group" in /etc/group; give its number instead',
    );
  });

  it.runIf(process.getuid?.() === 0)("knows a group by its name in /etc/group", async () => {
    const path = join(directory, "postfix.sock");
    await serve(path, { group: "daemon" });
    expect((await lstat(path)).gid).toBe(1);
  });

  it("replaces a socket that a killed daemon left behind", async () => {
    const path = join(directory, "postfix.sock");
    await staleSocket(path);
    await serve(path);
    await answers(path);
  });

  it("never takes the place of a daemon that answers", async () => {
    const path = join(directory, "postfix.sock");
    await serve(path);
    await expect(serve(path)).rejects.toThrow("another daemon answers there; stop it first");
    await answers(path);
  });

  it("never replaces a file or follows a symlink at its path", async () => {
    const file = join(directory, "file");
    await writeFile(file, "keep");
    await expect(serve(file)).rejects.toThrow("exists and is no socket");
    const link = join(directory, "link");
    await staleSocket(join(directory, "elsewhere"));
    await symlink(join(directory, "elsewhere"), link);
    await expect(serve(link)).rejects.toThrow("exists and is no socket");
  });

  it("is never created through a symlinked directory", async () => {
    await mkdir(join(directory, "real"), { mode: 0o755 });
    await symlink(join(directory, "real"), join(directory, "way"));
    await expect(serve(join(directory, "way", "postfix.sock"))).rejects.toThrow(
      `is reached through a symbolic link; write ${join(directory, "real")} in the configuration`,
    );
  });

  it.each([0o777, 0o1777, 0o775])(
    "is never created in a directory of mode %o, where others could put theirs",
    async (mode) => {
      await chmod(directory, mode);
      await expect(serve(join(directory, "postfix.sock"))).rejects.toThrow("can be written by others");
    },
  );

  it("says what to do about a missing directory and a path that is too long", async () => {
    await expect(serve(join(directory, "none", "postfix.sock"))).rejects.toThrow("no such directory; create it");
    await expect(serve(join(directory, "x".repeat(100)))).rejects.toThrow("choose a shorter one");
  });

  it("leaves a socket alone at the end that another daemon put in its place", async () => {
    const path = join(directory, "postfix.sock");
    const first = await serve(path);
    await rm(path);
    const other = createServer();
    await new Promise<void>((done) => other.listen(path, done));
    await first.close(0);
    expect((await lstat(path)).isSocket()).toBe(true);
    await new Promise((done) => other.close(done));
  });

  it("leaves nothing behind when it could not be set up", async () => {
    const { readdir } = await import("node:fs/promises");
    await expect(serve(join(directory, "postfix.sock"), { group: 2 ** 31 - 2, mode: -1 })).rejects.toThrow();
    expect(await readdir(directory)).toEqual([]);
  });
});
