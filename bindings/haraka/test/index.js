'use strict'

const assert = require('node:assert/strict')
const { afterEach, beforeEach, describe, it } = require('node:test')

const { callHook, makePlugin } = require('haraka-test-fixtures')

const guard = require('../lib/guard')

// What needs no network: which hooks are taken, and what is answered while no policy engine runs. Everything else is
// tested in a real Haraka.

class HMailItem {
  constructor(domain) {
    this.todo = { domain, rcpt_to: [{}], notes: {} }
    this.tempFailed = []
  }
  try_deliver() {
    this.triedToDeliver = true
  }
  try_deliver_host_on_socket() {}
  get_force_tls() {
    return false
  }
  temp_fail(reason) {
    this.tempFailed.push(reason)
  }
  extend_rcpt_with_dsn(rcpt, { cls, sub, det, msg }) {
    Object.assign(rcpt, { dsn_status: `${cls}.${sub}.${det}`, dsn_msg: msg })
  }
  sort_mx(list) {
    return list
  }
}

const outbound = { HMailItem, net_utils: { get_mx: async () => [] } }
/** Haraka's modules, as haraka_require gives them. */
const modules = (more = {}) => {
  const all = { outbound, 'outbound/config': { cfg: { enable_tls: true } }, ...more }
  return (name) => all[name]
}
let plugin

beforeEach(() => {
  plugin = makePlugin('haraka-plugin-mta-sts', { register: false })
  plugin.haraka_require = modules()
})
afterEach(() => plugin.shutdown())

describe('register', () => {
  it('takes its hooks: first in send_email, last in get_mx', () => {
    const taken = []
    plugin.register_hook = (...hook) => taken.push(hook)
    plugin.register()
    assert.deepEqual(taken, [
      ['init_master', 'start_master'],
      ['init_child', 'start_worker'],
      ['send_email', 'reset_guard', -100],
      ['get_mx', 'reset_guard', -100],
      ['get_mx', 'apply_policy', 100],
    ])
  })

  for (const seam of [
    'try_deliver',
    'try_deliver_host_on_socket',
    'get_force_tls',
    'temp_fail',
    'extend_rcpt_with_dsn',
    'sort_mx',
  ]) {
    it(`refuses a Haraka without HMailItem.${seam}`, () => {
      class Other extends HMailItem {}
      Other.prototype[seam] = undefined
      plugin.haraka_require = modules({ outbound: { ...outbound, HMailItem: Other } })
      assert.throws(() => plugin.register(), new RegExp(`lacks HMailItem\\.${seam}; not starting`))
    })
  }

  it('refuses a Haraka without the settings of its outbound', () => {
    plugin.haraka_require = modules({ 'outbound/config': undefined })
    assert.throws(() => plugin.register(), /lacks outbound\/config\.cfg; not starting/)
  })

  it('refuses a Haraka whose outbound has none of it', () => {
    plugin.haraka_require = () => ({})
    assert.throws(
      () => plugin.register(),
      /lacks HMailItem\.try_deliver, .*outbound\.net_utils\.get_mx, outbound\/config\.cfg; not starting/,
    )
  })

  it('takes no hook when it is disabled', () => {
    plugin.config.get = () => ({ main: { enabled: false } })
    plugin.register_hook = () => assert.fail('a hook was taken')
    plugin.register()
  })
})

describe('while no policy engine runs', () => {
  it('every message is deferred, with the reason in place of what core says (R-BIND-HAR-02)', async () => {
    plugin.register()
    const hmail = new HMailItem('example.com')
    const { rc, msg } = await callHook(plugin, 'apply_policy', hmail, 'example.com')
    assert.equal(rc, DENYSOFT)
    assert.match(
      msg,
      /^MTA-STS example\.com: the policy engine does not run \(it is starting\); the message stays queued$/,
    )
    hmail.temp_fail('Temporary MX lookup error for example.com')
    assert.deepEqual(hmail.tempFailed, [msg])
    assert.equal(hmail.todo.rcpt_to[0].dsn_status, '4.7.5')
  })

  it('nothing is delivered even when another plugin overrules that', async () => {
    plugin.register()
    const hmail = new HMailItem('example.com')
    await callHook(plugin, 'apply_policy', hmail, 'example.com')
    hmail.try_deliver()
    assert.equal(hmail.triedToDeliver, undefined)
    assert.match(hmail.tempFailed[0], /does not run/)
  })

  it('in report-only mode mail goes its way', async () => {
    plugin.register()
    plugin.settings = { ...plugin.settings, mode: 'report-only' }
    const hmail = new HMailItem('example.com')
    assert.deepEqual(await callHook(plugin, 'apply_policy', hmail, 'example.com'), { rc: undefined, msg: undefined })
    hmail.try_deliver()
    assert.equal(hmail.triedToDeliver, true)
  })
})

describe('a message whose attempt is over', () => {
  it('is not touched any more by what was decided for that attempt', () => {
    const hmail = new HMailItem('example.com')
    const late = guard.hold(hmail, assert.fail)
    guard.release(hmail)
    const now = guard.hold(hmail, assert.fail)
    now.refuse('the reason of this attempt')
    late.release()
    late.refuse('of the last one')
    late.observe({})
    late.enforce({})
    hmail.try_deliver()
    assert.equal(hmail.triedToDeliver, undefined)
    assert.deepEqual(hmail.tempFailed, ['the reason of this attempt'])
  })
})

describe('a guard', () => {
  it('stands on one message and is gone after the send_email hook', async () => {
    plugin.register()
    const hmail = new HMailItem('example.com')
    await callHook(plugin, 'apply_policy', hmail, 'example.com')
    assert.ok(Object.hasOwn(hmail, 'try_deliver'))
    await callHook(plugin, 'reset_guard', hmail)
    for (const method of ['try_deliver', 'temp_fail', 'get_force_tls', 'try_deliver_host_on_socket'])
      assert.equal(Object.hasOwn(hmail, method), false)
  })

  it('defers when delivery begins before a policy is known', () => {
    const hmail = new HMailItem('example.com')
    guard.hold(hmail, assert.fail)
    hmail.try_deliver()
    assert.deepEqual(hmail.tempFailed, ['MTA-STS: the policy was not known when delivery began'])
  })
})

describe('the name of an MX host', () => {
  for (const [mx, name] of [
    [{ exchange: 'MX.Example.com.' }, 'mx.example.com'],
    [{ exchange: '192.0.2.1', from_dns: 'mx.example.com' }, 'mx.example.com'],
    [{ exchange: '2001:db8::1', from_dns: 'mx.example.com' }, 'mx.example.com'],
    [{ exchange: '192.0.2.1' }, '192.0.2.1'],
  ]) {
    it(`is ${name} for ${JSON.stringify(mx)}`, () => assert.equal(guard.mxName(mx), name))
  }
})
