/** What the generated files are filled in with. */
export interface EximConfigValues {
  /** The `exim` listener as ${readsocket} names it: "/run/mta-sts/exim.sock" or "inet:127.0.0.1:8463". */
  readonly socket: string;
  /** Where the files lie: an absolute path. */
  readonly directory: string;
  /** CAs that MX hosts are verified against: a PEM file, or "system" for the list the TLS library knows. */
  readonly caFile: string;
}

/** The files of one Exim, by name. */
export interface EximConfigFiles {
  readonly "main.conf": string;
  readonly "routers.conf": string;
  readonly "transports.conf": string;
}

/** Names that may stand unquoted in an Exim configuration and inside its expansions. */
export const PLAIN_VALUE = /^[A-Za-z0-9/_.:[\]-]+$/;

/**
 * The configuration that makes Exim 4.96 or later enforce, for GnuTLS and OpenSSL builds alike. docs/mtas.md has the
 * reason for each line that looks strange.
 */
export function eximConfig({ socket, directory, caFile }: EximConfigValues): EximConfigFiles {
  const main = `# MTA-STS, main section: .include this file before "begin".
MTA_STS_SOCKET = ${socket}
MTA_STS_CA = ${caFile}
MTA_STS_DENY = ${directory}/deny-ca.pem
MTA_STS_LOCAL = ${directory}/local.conf
# Addresses that no MX host may have (colons of IPv6 are doubled). To change it, define it before this file is included.
.ifndef MTA_STS_IGNORE
MTA_STS_IGNORE = 0.0.0.0 : 127.0.0.0/8 : ::::1 : ::::
.endif
.ifdef _HAVE_DANE
MTA_STS_NO_TLSA = eq{$tls_out_tlsa_usage}{0}
.else
MTA_STS_NO_TLSA = bool{true}
.endif
`;
  return { "main.conf": main, "routers.conf": ROUTERS, "transports.conf": TRANSPORTS };
}

const ROUTERS = `# MTA-STS, routers: .include this file right after "begin routers", in place of the dnslookup router for other domains.
# Exim is strict unless the daemon says "none": no answer, a wrong one or an error never means "no policy".

mta_sts_none:
  driver = dnslookup
  domains = ! +local_domains
  condition = \${if eq{\${readsocket{MTA_STS_SOCKET}{MODE $domain\\n}{5s}{}{temp}}}{none}}
  transport = mta_sts_plain_smtp
  ignore_target_hosts = MTA_STS_IGNORE
  dnssec_request_domains = *
  no_more

mta_sts_undecided:
  driver = redirect
  domains = ! +local_domains
  allow_defer
  data = \${if eq{\${readsocket{MTA_STS_SOCKET}{MODE $domain\\n}{5s}{}{temp}}}{temp}\\
    {:defer: 4.7.5 MTA-STS: no decision on $domain now, mail stays queued; run: mta-sts query $domain}{}}

# MX hosts that the policy does not permit are left out here already: they get no retry record that holds up other domains'
# mail, and cut-through delivery never finds its open connection among the hosts of a domain that does not permit it.
mta_sts_enforce:
  driver = dnslookup
  domains = ! +local_domains
  transport = mta_sts_strict_smtp
  ignore_target_hosts = MTA_STS_IGNORE : \${readsocket{MTA_STS_SOCKET}{OTHERS $domain\\n}{5s}{}{}}
  dnssec_request_domains = *

mta_sts_no_host:
  driver = redirect
  domains = ! +local_domains
  allow_defer
  allow_fail
  data = \${if eq{\${readsocket{MTA_STS_SOCKET}{NOHOST $domain\\n}{5s}{}{temp}}}{gone}\\
    {:fail: 5.4.4 $domain has no host that takes mail}\\
    {:defer: 4.7.5 MTA-STS: no MX host that $domain has is in its policy, mail stays queued; run: mta-sts query $domain}}
  no_more
`;

const TRANSPORTS = `# MTA-STS, transports: .include this file after "begin transports".
# DKIM, interface, helo_data and the like go into local.conf of this directory; both transports read it.

mta_sts_plain_smtp:
  driver = smtp
  multi_domain = false
  dnssec_request_domains = *
  tls_verify_certificates = MTA_STS_CA
.include_if_exists MTA_STS_LOCAL

# Constants but for three options, because an expansion that fails opens the door in most: tls_sni cannot fail,
# tls_verify_certificates defers when it fails, and what event_action looks at comes from the daemon and the certificate.
mta_sts_strict_smtp:
  driver = smtp
  multi_domain = false
  # An open connection is never handed on: it was judged by one domain's policy.
  connection_max_messages = 1
  # A retry record of its own: a host that fails here is tried all the same for domains without a policy.
  retry_include_ip_address = false
  dnssec_request_domains = *
  hosts_require_tls = *
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  tls_tempfail_tryclear = false
  tls_sni = $host
  # An MX host that the policy does not permit is verified against a CA that has no key: it never passes.
  tls_verify_certificates = \${if eq{\${readsocket{MTA_STS_SOCKET}{MXOK $domain $host\\n}{5s}{}{temp}}}{yes}{MTA_STS_CA}{MTA_STS_DENY}}
.ifdef _HAVE_DANE
  hosts_try_dane = *
.endif
.ifdef _HAVE_GNUTLS
  tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2
.endif
.ifdef _HAVE_OPENSSL
  # Suites that came with TLS 1.2; those of TLS 1.3 are always on.
  tls_require_ciphers = TLSv1.2:!aNULL:!eNULL
.endif
.ifndef _HAVE_TLS
  mta_sts_needs_an_exim_with_tls
.endif
.ifdef _HAVE_EVENT
  # At the handshake, once for the host's own certificate: the host must be permitted, also where DANE verifies it, and
  # a DNS name of the certificate must be that very name, unless TLSA records speak for it. Exim itself compares the
  # certificate with the name before a CNAME, while $host is the one behind it: whoever forges both may own the former.
  # Afterwards: outcomes for the daemon's log and metrics.
  event_action = \${if eq{$event_name}{tls:cert}\\
    {\${if eq{$event_data}{0}\\
      {\${if !eq{\${readsocket{MTA_STS_SOCKET}{MXOK $domain $host \${if MTA_STS_NO_TLSA{\${certextract{subj_altname,dns,>,}{$tls_out_peercert}}}{-}}\\n}{5s}{}{temp}}}{yes}\\
        {MTA-STS: $host is not a permitted MX host of $domain, or its certificate does not name it}}}}}\\
    {\${if match{$event_name}{\\N^(msg:delivery|msg:host:defer|dane:fail)$\\N}\\
      {\${readsocket{MTA_STS_SOCKET}{EVENT $event_name $domain $host $host_address \${if def:event_defer_errno{$event_defer_errno}{0}} \${sg{$event_data}{\\N[\\r\\n]\\N}{ }}\\n}{2s}{}{}}}}}}
.else
  # Not an option: an Exim that cannot make the checks above must not start with this file.
  mta_sts_needs_an_exim_with_event_support
.endif
.include_if_exists MTA_STS_LOCAL
`;
