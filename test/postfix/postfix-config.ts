/** What one private Postfix instance is told. */
export interface PostfixConfig {
  /** Holds `conf`, `queue`, `data` and `maillog`; lies under `temporary`. */
  readonly directory: string;
  /** The directory for temporary files, outside which Postfix may not write its log. */
  readonly temporary: string;
  /** Its own address, on an interface of the namespace; mail for an MX host at this address would "loop back". */
  readonly address: string;
  /** Run the services that Debian runs in the queue directory as its chroot jail there (column "y"). */
  readonly jailed: boolean;
  /** PEM file of the CAs to trust; without one nothing is ever Verified. */
  readonly caFile?: string | undefined;
  /** main.cf lines that replace ours or come on top. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** Port of the submission service, plain SMTP. */
export const submissionPort = 2525;

/** The sender's own domain: what is bounced to it is thrown away. */
export const senderDomain = "sender.lab.test";

export function mainCf(config: PostfixConfig): string {
  const lines: Record<string, string> = {
    compatibility_level: "3.6",
    queue_directory: `${config.directory}/queue`,
    data_directory: `${config.directory}/data`,
    maillog_file: `${config.directory}/maillog`,
    maillog_file_prefixes: config.temporary,
    command_directory: "/usr/sbin",
    daemon_directory: "/usr/lib/postfix/sbin",
    // Deferred mail lies flat in deferred/, so that its arrival there can be watched; ids are never used twice.
    hash_queue_names: "defer",
    enable_long_queue_ids: "yes",

    myhostname: senderDomain,
    mydestination: "",
    alias_maps: "",
    local_recipient_maps: "",
    inet_interfaces: config.address,
    inet_protocols: "ipv4",
    mynetworks: "127.0.0.0/8",
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    smtpd_peername_lookup: "no",
    notify_classes: "",
    transport_maps: `inline:{${senderDomain}=discard:}`,

    smtp_tls_security_level: "may",
    smtp_tls_loglevel: "1",
    // Without these a bad MX would hold a test for minutes.
    smtp_connect_timeout: "10s",
    smtp_helo_timeout: "10s",
    smtp_starttls_timeout: "10s",

    // Every message gets a real attempt, at once, and a second one only when the test asks: no waiting in front of
    // qmgr, no "delivery temporarily suspended" after another message's failure, no retry by the clock.
    in_flow_delay: "0s",
    default_destination_concurrency_failed_cohort_limit: "0",
    minimal_backoff_time: "10h",
    maximal_backoff_time: "10h",
    queue_run_delay: "10h",
    smtp_connection_cache_on_demand: "no",
    ...(config.caFile === undefined ? {} : { smtp_tls_CAfile: config.caFile }),
    ...config.parameters,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}

// name, type, private, unprivileged, jail as in Debian's master.cf, wakeup, processes, command
const services = `
${submissionPort} inet n - y - - smtpd
pickup     unix n - y 60    1 pickup
cleanup    unix n - y -     0 cleanup
qmgr       unix n - n 36000 1 qmgr
tlsmgr     unix - - y 1000? 1 tlsmgr
rewrite    unix - - y -     - trivial-rewrite
bounce     unix - - y -     0 bounce
defer      unix - - y -     0 bounce
trace      unix - - y -     0 bounce
verify     unix - - y -     1 verify
flush      unix n - y 1000? 0 flush
proxymap   unix - - n -     - proxymap
proxywrite unix - - n -     1 proxymap
smtp       unix - - y -     - smtp
relay      unix - - y -     - smtp
showq      unix n - y -     - showq
error      unix - - y -     - error
retry      unix - - y -     - error
discard    unix - - y -     - discard
anvil      unix - - y -     1 anvil
scache     unix - - y -     1 scache
tlsproxy   unix - - y -     0 tlsproxy
postlog    unix-dgram n - n - 1 postlogd
`;

export function masterCf(config: PostfixConfig): string {
  const jail = (line: string) => (config.jailed ? line : line.replace(/^(\S+ +\S+ \S \S) y/, "$1 n"));
  return `${services.trim().split("\n").map(jail).join("\n")}\n`;
}
