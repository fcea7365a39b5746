import { tmpdir } from "node:os";

/**
 * A script that runs its arguments in a root directory made by debian-root.sh; "" is the system itself. `binds` lays
 * directories over those of the root, by their path inside. The mounts are made in the private mount namespace that
 * `ip netns exec` gives to every command, so they go when the last process does.
 */
export function enterScript(root: string, binds: Readonly<Record<string, string>> = {}): string {
  if (root === "") return '#!/bin/sh\nexec "$@"\n';
  const bind = (path: string, from = path) => `mount --bind '${from}' '${root}${path}'\n`;
  const shared = `mkdir -p '${root}${tmpdir()}'\nmount --rbind '${tmpdir()}' '${root}${tmpdir()}'\n`;
  const own = Object.entries(binds).map(([path, from]) => `mkdir -p '${root}${path}'\n${bind(path, from)}`);
  const all = [bind("/etc/resolv.conf"), bind("/etc/hosts"), `mount --rbind /dev '${root}/dev'\n`, ...own];
  return `#!/bin/sh\nset -e\n${shared}${all.join("")}exec chroot '${root}' "$@"\n`;
}
