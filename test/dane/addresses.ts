/** Where each DNS server of the signed world listens, always on port 53. */
export const ADDRESSES = {
  /** Unbound: the one /etc/resolv.conf names. */
  resolver: "127.0.0.1",
  /** The lab's own server: everything that is not signed. */
  lab: "127.0.0.2",
  /** NSD: the signed zones. */
  signed: "127.0.0.53",
} as const;
