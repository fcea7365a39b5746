import { existsSync, readFileSync } from "node:fs";
import { namespaceObstacle } from "../lab/namespace.ts";

/** One installed Postfix: the system's own, or the one inside a root directory that is entered with chroot. */
export interface PostfixFlavour {
  /** Starts test names: "Postfix 3.7". */
  readonly name: string;
  /** The root directory it is installed in, without a slash at the end; "" is the system itself. */
  readonly root: string;
}

/** Debian bookworm's Postfix, from the package of the machine. */
export const postfix37: PostfixFlavour = { name: "Postfix 3.7", root: "" };

/** Debian trixie's Postfix (>= 3.10.5), in the root made by trixie-root.sh. */
export const postfix310: PostfixFlavour = {
  name: "Postfix 3.10",
  root: process.env.MTA_STS_TRIXIE_ROOT ?? "/var/cache/mta-sts-engine/trixie",
};

/** Why this Postfix cannot run here, in words for the name of a skipped suite; undefined when it can. */
export function whyUnavailable(flavour: PostfixFlavour): string | undefined {
  const obstacle = namespaceObstacle();
  if (obstacle !== null) return obstacle;
  if (!existsSync(`${flavour.root}/usr/sbin/postfix`))
    return flavour.root === ""
      ? "postfix is not installed: run .ci/install"
      : `no Postfix in ${flavour.root}: run test/postfix/trixie-root.sh`;
  for (const tool of ["/usr/bin/script", "/bin/mount"])
    if (!existsSync(tool)) return `${tool} is missing: run .ci/install`;
  return undefined;
}

/** The numeric user id of `user` inside the flavour's root; ids differ between the two. */
export function userId(flavour: PostfixFlavour, user: string): number {
  const passwd = readFileSync(`${flavour.root}/etc/passwd`, "utf8");
  const id = new RegExp(`^${user}:[^:]*:(\\d+):`, "m").exec(passwd)?.[1];
  if (id === undefined) throw new Error(`no user ${user} in ${flavour.root}/etc/passwd`);
  return Number(id);
}
