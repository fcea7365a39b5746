import { chmod, chown, lstat, readFile, realpath, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { basename, dirname, join, relative, resolve } from "node:path";

export interface UnixTarget {
  readonly kind: "unix";
  readonly path: string;
  /** Permission bits of the socket, default 0660. */
  readonly mode?: number;
  /** Name from /etc/group, or a number. Default: the group the process has. */
  readonly group?: string | number;
}

/** sun_path holds 107 bytes and a terminator; the name we bind first is a little longer than the final one. */
const MAX_PATH_BYTES = 94;

/**
 * Listens on a unix socket: bound under a temporary name, given its mode and group, then renamed, so that the final
 * name never exists with other rights. Returns what undoes it.
 * @throws Error when the directory is reached through a symlink or others may write in it, when the path is taken by
 * something that is no socket, or when another daemon answers there. The text says what to do.
 */
export async function listenUnix(server: Server, target: UnixTarget): Promise<() => Promise<void>> {
  const path = resolve(target.path);
  if (Buffer.byteLength(shortest(path)) > MAX_PATH_BYTES) {
    throw new Error(`${path}: the path of a unix socket may have ${MAX_PATH_BYTES} bytes; choose a shorter one`);
  }
  const gid = target.group === undefined ? null : await groupId(target.group);
  await checkDirectory(dirname(path));
  await checkFree(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await unlink(temporary).catch(ifMissing);
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(shortest(temporary), () => {
      server.off("error", failed);
      done();
    });
  });
  try {
    if (gid !== null) await chown(temporary, -1, gid);
    await chmod(temporary, target.mode ?? 0o660);
    await rename(temporary, path);
  } catch (error) {
    server.close();
    throw error;
  }
  const ours = await lstat(path);
  return async () => {
    const now = await lstat(path).catch(ifMissing);
    // A daemon started after us may own the name by now.
    if (now?.ino === ours.ino && now.dev === ours.dev) await unlink(path).catch(ifMissing);
  };
}

/** The system's limit is on the text it is given: below a long working directory a relative path still fits. */
function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

/** The directory must be a real one that nobody but its owner (us, or root) can write in. */
async function checkDirectory(directory: string): Promise<void> {
  const real = await realpath(directory).catch(() => {
    throw new Error(`${directory}: no such directory; create it, owned by the daemon's user, mode 0755 or 0750`);
  });
  if (real !== directory) {
    throw new Error(`${directory} is reached through a symbolic link; write ${real} in the configuration`);
  }
  const found = await lstat(directory);
  if (!found.isDirectory()) throw new Error(`${directory} is not a directory`);
  if ((found.mode & 0o022) !== 0) {
    throw new Error(`${directory} can be written by others, who could put a socket of theirs there: chmod go-w it`);
  }
  const user = process.getuid?.();
  if (user !== undefined && found.uid !== user && found.uid !== 0) {
    throw new Error(
      `${directory} belongs to user ${found.uid}; it must belong to root or to the daemon's user ${user}`,
    );
  }
}

/** Free means: nothing there, or a socket left behind by a daemon that is gone. */
async function checkFree(path: string): Promise<void> {
  const found = await lstat(path).catch(ifMissing);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is no socket; remove it or choose another path`);
  const code = await connectError(path);
  if (code === null) throw new Error(`${path}: another daemon answers there; stop it first`);
  if (code !== "ECONNREFUSED" && code !== "ENOENT")
    throw new Error(`${path}: cannot tell whether it is in use (${code})`);
}

/** Null when somebody accepts connections at `path`, else the system's error code. */
function connectError(path: string): Promise<string | null> {
  return new Promise((done) => {
    const probe = connect(shortest(path));
    probe.once("connect", () => {
      probe.destroy();
      done(null);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}

/** Node cannot ask the name service, so only /etc/group is read; a number always works. */
async function groupId(group: string | number): Promise<number> {
  if (typeof group === "number") return group;
  if (/^[0-9]+$/.test(group)) return Number(group);
  const lines = (await readFile("/etc/group", "utf8")).split("\n");
  const entry = lines.map((line) => line.split(":")).find((fields) => fields[0] === group);
  if (entry === undefined) throw new Error(`no group "${group}" in /etc/group; give its number instead`);
  return Number(entry[2]);
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
