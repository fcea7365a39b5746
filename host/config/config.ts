import type { TcpAddress, UnixAddress } from "./addresses.ts";

/** The whole configuration with defaults applied; frozen. Times are milliseconds. docs/configuration.md explains each key. */
export interface Config {
  /** The file that was read, null when there is none and the built-in defaults hold. */
  readonly file: string | null;
  /** Exactly the sockets to listen on. */
  readonly listen: readonly Listener[];
  readonly dns: {
    /** As host/dns/server.ts reads them ("127.0.0.1:53"); null: the nameservers of /etc/resolv.conf. */
    readonly servers: readonly string[] | null;
    /** Milliseconds for one question to one server. */
    readonly timeout: number;
    /** Resolvers whose AD bit is believed; null: those on loopback. */
    readonly trustAd: readonly string[] | null;
  };
  readonly dane: {
    readonly mode: DaneMode;
    /** Zones that the self-test of the resolver expects to be authenticated, and to be refused. */
    readonly signedNames: readonly string[];
    readonly bogusNames: readonly string[];
    /** Next-hop domains for which MTA-STS alone decides. */
    readonly notFor: readonly string[];
  };
  readonly https: {
    /** null: the CA list of Node.js. */
    readonly ca: CaFile | null;
    /** Milliseconds for a whole fetch. */
    readonly timeout: number;
    readonly allowPrivateAddresses: boolean;
  };
  readonly store: { readonly type: StoreType; readonly path: string };
  readonly policy: { readonly leniency: readonly LeniencyName[]; readonly onDiscoveryFailure: OnDiscoveryFailure };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** A unix socket to listen on. */
export interface SocketAddress extends UnixAddress {
  /** Permission bits, such as 0o660. */
  readonly mode: number;
  /** Name or number of the owning group, null: the daemon's own. */
  readonly group: string | null;
}

export type ListenAddress = TcpAddress | SocketAddress;

/** Where an MTA asks; each kind is a protocol. */
export interface MtaListener<Kind extends MtaKind = MtaKind> {
  readonly kind: Kind;
  readonly address: ListenAddress;
  /** Milliseconds a request may wait for a first discovery (AMB-09). */
  readonly deadline: number;
}

export type MtaKind = "postfix" | "exim" | "opensmtpd";
export type PostfixListener = MtaListener<"postfix">;

/** The only place where anything can be changed: a unix socket of mode 0600, never TCP. */
export interface ControlListener {
  readonly kind: "control";
  readonly address: SocketAddress;
}

export interface HttpListener {
  readonly kind: "http";
  readonly address: ListenAddress;
}

export type Listener = MtaListener | ControlListener | HttpListener;

/** CA certificates to verify policy hosts against: where they come from, and the PEM text. */
export interface CaFile {
  readonly file: string;
  readonly pem: string;
}

export type StoreType = "sqlite" | "memory";
export type LeniencyName = "outer-blanks" | "blank-lines" | "byte-order-mark" | "missing-content-type";
/** AMB-10: what to answer when the TXT lookup fails and no policy is held. */
export type OnDiscoveryFailure = "defer-briefly" | "deliver" | "defer";
/** auto: while the self-test of the resolver passes. */
export type DaneMode = "auto" | "off";
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "auto" | "json" | "pretty";
