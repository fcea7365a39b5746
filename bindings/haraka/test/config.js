'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')

const config = require('../lib/config')

const ROOT = path.resolve(__dirname, '..')
const ini = (sections = {}) => ({ main: { enabled: true }, ...sections })
const read = (sections) => config.read(ini(sections), ROOT)
const faultOf = (sections) => {
  try {
    read(sections)
  } catch (error) {
    return error.message
  }
  return 'accepted'
}

describe('mta-sts.ini', () => {
  it('has a default for everything', () => {
    const settings = read()
    assert.equal(settings.mode, 'enforce')
    assert.equal(settings.onDiscoveryFailure, 'defer-briefly')
    assert.equal(settings.storePath, path.join(ROOT, 'mta-sts/policies.db'))
    assert.equal(settings.metricsListen, null)
    assert.equal(settings.httpsCaPem, undefined)
    assert.equal(settings.allowPrivateAddresses, false)
    assert.deepEqual(settings.dnsServers, [])
    assert.deepEqual(settings.trustAd, [])
    assert.deepEqual(settings.dane, { mode: 'auto', signed: ['.'], bogus: ['dnssec-failed.org', 'rhybar.cz'] })
  })

  it('takes relative paths from the directory of Haraka', () => {
    assert.equal(read({ store: { path: 'queue/../p.db' } }).storePath, path.join(ROOT, 'p.db'))
    assert.equal(read({ store: { path: '/var/lib/x.db' } }).storePath, '/var/lib/x.db')
  })

  it('takes several resolvers', () => {
    assert.deepEqual(read({ dns: { servers: '127.0.0.1, [::1]:5353' } }).dnsServers, ['127.0.0.1', '[::1]:5353'])
  })

  for (const [text, host, port] of [
    ['127.0.0.1:8462', '127.0.0.1', 8462],
    ['[::1]:80', '::1', 80],
  ]) {
    it(`takes ${text} for the metrics`, () => {
      assert.deepEqual(read({ metrics: { listen: text } }).metricsListen, { host, port })
    })
  }

  for (const [what, sections, message] of [
    ['an unknown section', { hosts: {} }, /unknown section \[hosts\]/],
    ['an unknown key', { main: { enabled: true, mdoe: 'x' } }, /unknown key \[main\] mdoe/],
    [
      'an unknown mode',
      { main: { enabled: true, mode: 'none' } },
      /\[main\] mode: expected enforce or report-only, found "none"/,
    ],
    ['an unknown answer', { policy: { on_discovery_failure: 'drop' } }, /\[policy\] on_discovery_failure: expected/],
    ['an unknown mode of DANE', { dane: { mode: 'always' } }, /\[dane\] mode: expected auto or off, found "always"/],
    ['a CA file that is not there', { mx: { ca_file: 'nowhere.pem' } }, /\[mx\] ca_file: ENOENT/],
    ['a port alone', { metrics: { listen: '8462' } }, /\[metrics\] listen: expected ADDRESS:PORT, found "8462"/],
    ['a port too high', { metrics: { listen: '127.0.0.1:70000' } }, /\[metrics\] listen/],
    ['an exemption without a day', { 'domain.a.test': { mode: 'report-only', reason: 'x' } }, /until: expected a day/],
    [
      'a day that does not exist',
      { 'domain.a.test': { mode: 'report-only', until: '2026-02-30', reason: 'x' } },
      /until: expected a day such as 2026-12-31, found "2026-02-30"/,
    ],
    [
      'an exemption without a reason',
      { 'domain.a.test': { mode: 'report-only', until: '2026-12-31' } },
      /reason: say why/,
    ],
    ['an end of enforcing', { 'domain.a.test': { mode: 'enforce', until: '2026-12-31' } }, /until: enforce has no end/],
    ['a name that is none', { 'domain.a b': { mode: 'enforce' } }, /"a b" is no domain/],
    [
      'two sections for one domain',
      { 'domain.a.test': { mode: 'enforce' }, 'domain.A.test.': { mode: 'enforce' } },
      /\[domain\.A\.test\.\]: there is another section for a\.test/,
    ],
    ['a CA file without a certificate', { mx: { ca_file: 'package.json' } }, /package\.json holds no PEM certificate/],
    ['a day without a mode', { 'domain.a.test': { until: '2026-12-31' } }, /until and reason belong to a mode/],
  ]) {
    it(`is refused with ${what}`, () => {
      assert.match(faultOf(sections), message)
    })
  }

  it('names all faults at once', () => {
    assert.match(faultOf({ main: { enabled: true, mode: 'x' }, hosts: {} }), /unknown section .*; .*\[main\] mode/)
  })
})

describe('the section of one domain', () => {
  const settings = read({
    'domain.Partner.Example': { mode: 'report-only', until: '2026-12-31', reason: 'ticket' },
    'domain.strict.example': { mode: 'enforce' },
  })
  const lastMoment = Date.parse('2026-12-31T23:59:59Z')

  it('applies to the end of its day, whatever the case of its name', () => {
    assert.equal(config.modeFor(settings, 'partner.example', lastMoment).mode, 'report-only')
    assert.equal(config.modeFor(settings, 'partner.example', lastMoment + 1000).mode, 'enforce')
    assert.deepEqual(config.expired(settings, lastMoment + 1000), ['partner.example'])
  })

  it('is found by any form of the name', () => {
    const forms = read({ 'domain.Bücher.example.': { mode: 'enforce' } })
    assert.deepEqual([...forms.domains.keys()], ['xn--bcher-kva.example'])
  })

  it('applies to that domain alone', () => {
    assert.equal(config.modeFor(settings, 'sub.partner.example', lastMoment).mode, 'enforce')
  })

  it('can ask for more than [main] without a day', () => {
    const observing = config.read(
      ini({ main: { mode: 'report-only' }, 'domain.strict.example': { mode: 'enforce' } }),
      ROOT,
    )
    assert.equal(config.modeFor(observing, 'strict.example').mode, 'enforce')
    assert.equal(config.modeFor(observing, 'other.example').mode, 'report-only')
  })
})

describe('a changed file', () => {
  it('needs a restart for what is opened at the start only', () => {
    assert.deepEqual(config.needRestart(read(), read({ main: { enabled: true, mode: 'report-only' } })), [])
    assert.deepEqual(config.needRestart(read(), read({ store: { path: 'x.db' }, dns: { servers: '::1' } })), [
      'storePath',
      'dnsServers',
    ])
    const off = config.read({ main: { enabled: false } }, ROOT)
    assert.deepEqual(config.needRestart(off, read()), ['enabled'])
    assert.deepEqual(config.needRestart(read(), off), [])
  })
})
