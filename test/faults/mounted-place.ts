import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { DaemonOptions } from "../daemon/daemon-process.ts";

/** A small filesystem that only one daemon sees, in a mount namespace of its own; it is gone when the daemon is. */
export interface MountedPlace {
  /** Where the daemon finds it. */
  readonly path: string;
  readonly options: DaemonOptions;
}

const RUN = 'exec "$0" "$@"';

function mountedBy(path: string, mount: string): MountedPlace {
  mkdirSync(path, { recursive: true });
  return { path, options: { command: ["unshare", "--mount", "sh", "-c", `${mount} && ${RUN}`, process.execPath] } };
}

/** Memory, `size` as mount(8) wants it. Its content ends with the daemon. */
export const onTmpfs = (path: string, size: string) => mountedBy(path, `mount -t tmpfs -o size=${size} tmpfs ${path}`);

/** An ext4 of so many mebibytes in a file beside `path`; its content stays. */
export function onLoop(path: string, mebibytes: number): MountedPlace {
  const image = `${path}.img`;
  closeSync(openSync(image, "w"));
  truncateSync(image, mebibytes << 20);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
  return mountedBy(path, `mount -o loop ${image} ${path}`);
}

/** The directory itself, read-only. */
export const readOnly = (path: string) =>
  mountedBy(path, `mount --bind ${path} ${path} && mount -o remount,ro,bind ${path}`);

/** Fills a filesystem that a process sees, to its last octet. Returns what makes room again. */
export function fill(pid: number | undefined, path: string): () => void {
  const filler = join(`/proc/${pid}/root`, path, "filler");
  const file = openSync(filler, "w");
  for (let size = 1 << 20; size >= 1; )
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      size >>= 1;
    }
  closeSync(file);
  return () => rmSync(filler);
}

/** Why no filesystem can be mounted on this machine. Null: nothing. */
export function mountObstacle(): string | null {
  if (process.getuid?.() !== 0) return "mounting a filesystem needs root";
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    return null;
  } catch {
    return "this machine gives no mount namespaces";
  }
}
