'use strict'

const { X509Certificate } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { domainToASCII } = require('node:url')

const MODES = ['enforce', 'report-only']
const DANE_MODES = ['auto', 'off']
const ON_DISCOVERY_FAILURE = ['defer-briefly', 'deliver', 'defer']
const KEYS = {
  main: ['enabled', 'mode'],
  store: ['path'],
  dns: ['servers', 'trust_ad'],
  dane: ['mode', 'signed_names', 'bogus_names'],
  https: ['ca_file', 'allow_private_addresses'],
  mx: ['ca_file'],
  policy: ['on_discovery_failure'],
  metrics: ['listen'],
}
const DOMAIN_KEYS = ['mode', 'until', 'reason', 'ca_file']
const DOMAIN_SECTION = /^domain\.(.+)$/

exports.ini_options = { booleans: ['+main.enabled', '-https.allow_private_addresses'] }

/** A mta-sts.ini that cannot be used; the message names each fault. */
class ConfigFault extends Error {}
exports.ConfigFault = ConfigFault

/**
 * Checks mta-sts.ini as haraka-config has read it.
 *
 * @param ini sections of keys
 * @param {string} root Haraka's own directory; relative paths start there
 * @returns settings, as used by engine.js and index.js
 * @throws {ConfigFault} with every fault in one message
 */
exports.read = (ini, root) => {
  const faults = []
  const file = (section, key) => readCaFile(ini[section]?.[key], root, `[${section}] ${key}`, faults)
  checkKeys(ini, faults)
  const settings = {
    enabled: ini.main.enabled,
    mode: oneOf(MODES, ini.main.mode || 'enforce', '[main] mode', faults),
    storePath: path.resolve(root, String(ini.store?.path || 'mta-sts/policies.db')),
    dnsServers: list(ini.dns?.servers),
    trustAd: list(ini.dns?.trust_ad),
    dane: readDane(ini.dane, faults),
    httpsCaPem: file('https', 'ca_file'),
    allowPrivateAddresses: ini.https?.allow_private_addresses === true,
    mxCaPem: file('mx', 'ca_file'),
    onDiscoveryFailure: oneOf(
      ON_DISCOVERY_FAILURE,
      ini.policy?.on_discovery_failure || 'defer-briefly',
      '[policy] on_discovery_failure',
      faults,
    ),
    metricsListen: readListen(ini.metrics?.listen, faults),
    domains: readDomains(ini, root, faults),
  }
  if (faults.length > 0) throw new ConfigFault(`mta-sts.ini: ${faults.join('; ')}`)
  return settings
}

function checkKeys(ini, faults) {
  for (const [section, values] of Object.entries(ini)) {
    const known = DOMAIN_SECTION.test(section) ? DOMAIN_KEYS : KEYS[section]
    if (known === undefined) faults.push(`unknown section [${section}]`)
    else for (const key of Object.keys(values)) if (!known.includes(key)) faults.push(`unknown key [${section}] ${key}`)
  }
}

function oneOf(values, value, where, faults) {
  if (!values.includes(value)) faults.push(`${where}: expected ${values.join(' or ')}, found "${value}"`)
  return value
}

const list = (value) =>
  String(value ?? '')
    .split(/[\s,]+/)
    .filter(Boolean)

/** Whether DANE is to be applied, and the zones that must prove the resolver to validate. */
function readDane({ mode = 'auto', signed_names, bogus_names } = {}, faults) {
  oneOf(DANE_MODES, mode, '[dane] mode', faults)
  const bogus = list(bogus_names || 'dnssec-failed.org, rhybar.cz')
  return { mode, signed: list(signed_names || '.'), bogus }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The text of a file of CA certificates. Checked here, before the engine is there to do it: a fault stops the start. */
function readCaFile(name, root, where, faults) {
  if (!name) return undefined
  try {
    const pem = fs.readFileSync(path.resolve(root, String(name)), 'utf8')
    const blocks = pem.match(PEM_CERTIFICATE) ?? []
    if (blocks.length === 0) throw new Error(`${name} holds no PEM certificate`)
    for (const block of blocks) new X509Certificate(block)
    return pem
  } catch (error) {
    faults.push(`${where}: ${error.message}`)
    return undefined
  }
}

function readListen(value, faults) {
  if (!value) return null
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(value) ?? []
  if (host === undefined || Number(port) > 65535)
    faults.push(`[metrics] listen: expected ADDRESS:PORT, found "${value}"`)
  return { host, port: Number(port) }
}

/** Sections [domain.example.com]: extra trust anchors, or another mode than [main]. */
function readDomains(ini, root, faults) {
  const domains = new Map()
  for (const [section, values] of Object.entries(ini)) {
    const [, written] = DOMAIN_SECTION.exec(section) ?? []
    if (written === undefined) continue
    const domain = domainToASCII(written.replace(/\.$/, ''))
    const where = `[${section}]`
    if (domain === '') faults.push(`${where}: "${written}" is no domain`)
    else if (domains.has(domain)) faults.push(`${where}: there is another section for ${domain}`)
    const caPem = readCaFile(values.ca_file, root, `${where} ca_file`, faults)
    domains.set(domain, { caPem, ...readOverride(values, where, faults) })
  }
  return domains
}

/** Less than [main] asks for is granted only until a day and for a reason: an exemption nobody remembers is a hole. */
function readOverride({ mode, until, reason }, where, faults) {
  if (mode === undefined) {
    if (until !== undefined || reason !== undefined) faults.push(`${where}: until and reason belong to a mode`)
    return { mode: null }
  }
  oneOf(MODES, mode, `${where} mode`, faults)
  if (mode === 'enforce') {
    if (until !== undefined) faults.push(`${where} until: enforce has no end`)
    return { mode, until: null, reason: reason ?? '' }
  }
  const end = lastMoment(until)
  if (end === null) faults.push(`${where} until: expected a day such as 2026-12-31, found "${until ?? 'nothing'}"`)
  if (!reason) faults.push(`${where} reason: say why mail to this domain may go out unprotected`)
  return { mode, until: end, reason: String(reason ?? '') }
}

/** The end of that day, UTC, in milliseconds; null when there is no such day. */
function lastMoment(day) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(String(day))) return null
  const start = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(start.getTime()) || start.toISOString().slice(0, 10) !== day) return null
  return start.getTime() + 24 * 60 * 60 * 1000
}

/** How a policy of `domain` is applied now; `override` is the section that says so, null when it is [main]. */
exports.modeFor = (settings, domain, now = Date.now()) => {
  const section = settings.domains.get(domain)
  const applies = section?.mode && (section.until === null || now < section.until)
  return applies ? { mode: section.mode, override: section } : { mode: settings.mode, override: null }
}

/** Sections whose day has passed; they have no effect any more. */
exports.expired = (settings, now = Date.now()) =>
  [...settings.domains].filter(([, { until }]) => until && now >= until).map(([domain]) => domain)

/** Names of settings that only a restart can change. Off is at once; on needs the hooks of a start. */
exports.needRestart = (before, after) => [
  ...(after.enabled && !before.enabled ? ['enabled'] : []),
  ...[
    'storePath',
    'dnsServers',
    'trustAd',
    'dane',
    'httpsCaPem',
    'allowPrivateAddresses',
    'onDiscoveryFailure',
    'metricsListen',
  ].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name])),
]
