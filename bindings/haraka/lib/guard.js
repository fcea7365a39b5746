'use strict'

/**
 * The whole coupling to the internals of Haraka's outbound lives in this file.
 *
 * A guard stands on ONE HMailItem instance, never on a prototype or a module: the get_mx hook puts it there, and before
 * the next attempt it is taken away (a deferred message comes back as the same object).
 *
 * Under an enforce policy, or where it has TLSA records, Haraka does not see an MX host before it is authenticated. The
 * guard leads the session itself through greeting, EHLO, STARTTLS and handshake (opening.js), so that whatever an
 * unproven peer says costs that one MX host and nothing else: no bounce, no plaintext, no flag in Redis. Then it plays a
 * faultless opening to Haraka and steps aside.
 */

const net = require('node:net')

const { handshake, OpeningError, untilStarttls } = require('./opening')

// Methods of HMailItem that core calls through `this`, and such as are only called.
const REPLACED = ['try_deliver', 'try_deliver_host_on_socket', 'get_force_tls', 'temp_fail']
const CALLED = ['extend_rcpt_with_dsn', 'sort_mx']
const PATIENCE = 30_000

/** What a guard needs and this Haraka lacks. `requireCore` is the plugin's haraka_require. */
exports.missingSeams = (requireCore) => {
  const { HMailItem, net_utils } = requireCore('outbound')
  const methods = [...REPLACED, ...CALLED].filter((method) => typeof HMailItem?.prototype?.[method] !== 'function')
  return [
    ...methods.map((method) => `HMailItem.${method}`),
    ...(typeof net_utils?.get_mx === 'function' ? [] : ['outbound.net_utils.get_mx']),
    ...(typeof requireCore('outbound/config')?.cfg === 'object' ? [] : ['outbound/config.cfg']),
  ]
}

/** Is TLS switched off for all of Haraka's outbound (enable_tls in outbound.ini)? */
exports.isTlsOff = (requireCore) => requireCore('outbound/config').cfg.enable_tls === false

/** The MX hosts of a domain as core would find them, an implicit one included; rejects when DNS fails. */
exports.mailExchangers = async (requireCore, domain) => {
  const { net_utils } = requireCore('outbound')
  return (await net_utils.get_mx(domain)).filter(({ exchange }) => exchange)
}

/** Is there an address where a name should be? Core shows an implicit MX and an MX record that holds one alike. */
exports.hasAddress = (mxs) => mxs.some(({ exchange }) => net.isIP(exchange))

/** MX records that hold addresses have no name to be known by (R-8461-4.1-06). */
exports.nameless = (mxs) => {
  for (const mx of mxs) if (net.isIP(mx.exchange)) mx.from_dns = undefined
}

/**
 * The name an MX host is known by in MTA-STS: that of the MX record, before any alias (RFC 8461 section 4.1). Core
 * replaces it by an address once it is resolved and keeps the name in from_dns; for an implicit MX that is the domain
 * itself (R-8461-4.1-05).
 */
exports.mxName = ({ exchange, from_dns }) =>
  String(net.isIP(exchange) ? from_dns || exchange : exchange)
    .toLowerCase()
    .replace(/\.$/, '')

/** The guard that stands on a message now. One that was replaced has nothing more to say. */
const standing = new WeakMap()

/** Takes the guard away from a message, if there is one. */
exports.release = (hmail) => {
  standing.delete(hmail)
  uncover(hmail)
}

function uncover(hmail) {
  for (const method of REPLACED) delete hmail[method]
}

/**
 * Puts a guard on a message: until it is told otherwise, no delivery of it starts.
 * @param {(error: Error) => void} onFault hears of what must not happen; the message is deferred then
 */
exports.hold = (hmail, onFault) => new Guard(hmail, onFault)

class Guard {
  constructor(hmail, onFault) {
    exports.release(hmail)
    standing.set(hmail, this)
    this.hmail = hmail
    this.core = Object.getPrototypeOf(hmail)
    this.onFault = onFault
    this.holdBack('MTA-STS: the policy was not known when delivery began')
  }

  /** False once the attempt is over: what was decided for it must not touch the next one. */
  get #stands() {
    return standing.get(this.hmail) === this
  }

  release() {
    if (this.#stands) exports.release(this.hmail)
  }

  /** No delivery starts; should core begin one all the same, the message is deferred for this reason. */
  holdBack(reason) {
    if (this.#stands) this.hmail.try_deliver = () => this.#defer(reason)
  }

  /** DENYSOFT follows: core's fixed "Temporary MX lookup error" gives way to the reason. */
  refuse(reason) {
    if (!this.#stands) return
    this.holdBack(reason)
    this.hmail.temp_fail = (_err, extra) => this.#defer(reason, extra)
  }

  /** Watches what the policy would have done, and changes nothing. */
  observe(attempt) {
    if (!this.#stands) return
    const { hmail, core } = this
    uncover(hmail)
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      core.try_deliver_host_on_socket.call(hmail, mx, host, port, socket)
      this.#watch(attempt, mx, host, socket)
    }
  }

  /** Lets mail go to MX hosts that meet what policy and TLSA records ask, and to no other. */
  enforce(attempt) {
    if (!this.#stands) return
    const { hmail } = this
    uncover(hmail)
    this.attempt = attempt
    this.candidates = null
    this.dialled = null
    // Core then consults neither no_tls_hosts nor the no-TLS flags in Redis, and sends nothing without TLS.
    hmail.get_force_tls = (mx) => attempt.leads(exports.mxName(mx)) || this.core.get_force_tls.call(hmail, mx)
    hmail.try_deliver = () => this.#carefully(() => this.#nextHost())
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) =>
      this.#carefully(() => this.#converse(mx, host, port, socket), socket)
  }

  /** Nothing that goes wrong here may reach core or let mail out. */
  async #carefully(step, socket) {
    try {
      await step()
    } catch (error) {
      this.onFault(error)
      if (socket) hangUp(socket)
      this.#defer(`MTA-STS and DANE ${this.hmail.todo.domain}: internal error: ${error.message}`)
    }
  }

  /** RFC 8461 section 5.1: in MX order, hosts that are not permitted count as unreachable (R-8461-8.4-01, R-7672-10-01). */
  async #nextHost() {
    const { hmail, attempt } = this
    this.candidates ??= [...hmail.mxlist]
    if (this.dialled !== null) attempt.unreachable(this.dialled, 'no connection')
    this.dialled = null
    while (hmail.mxlist.length > 0) {
      const host = exports.mxName(hmail.mxlist[0])
      if (attempt.permits(host)) {
        this.dialled = host
        return this.core.try_deliver.call(hmail)
      }
      attempt.passOver(host)
      hmail.mxlist.shift()
    }
    return this.#exhausted()
  }

  /** No message is given up before DNS was asked for a newer policy (R-8461-5-06, R-8461-5.1-05). */
  async #exhausted() {
    const { hmail, attempt, candidates } = this
    if (!attempt.failed) return this.core.try_deliver.call(hmail) // core's own "Tried all MXs"
    const newer = await attempt.recheck()
    if (newer === null) {
      attempt.deferred()
      return this.#defer(attempt.reason)
    }
    if (newer.mode === 'none') this.release()
    else if (newer.mode === 'enforce') this.enforce(newer)
    else this.observe(newer)
    hmail.mxlist = [...candidates]
    return hmail.try_deliver()
  }

  #converse(mx, host, port, socket) {
    this.dialled = null
    if (this.attempt.leads(exports.mxName(mx))) return this.#authenticate(mx, host, port, socket)
    this.core.try_deliver_host_on_socket.call(this.hmail, mx, host, port, socket)
    if (this.attempt.watches(exports.mxName(mx))) this.#watch(this.attempt, mx, host, socket)
  }

  /** Holds a session of core's against what is asked, and takes no part in it. */
  #watch(attempt, mx, address, socket) {
    watch(socket, (session) => {
      try {
        attempt.judge(exports.mxName(mx), { ...session, address })
      } catch (error) {
        this.onFault(error)
      }
    })
  }

  async #authenticate(mx, host, port, socket) {
    const { hmail } = this
    const name = exports.mxName(mx)
    // Core's, from the time of connecting; it sets its own again when it gets the socket.
    for (const event of ['error', 'timeout', 'close', 'end']) socket.removeAllListeners(event)
    const opened = await this.#open(mx, name, host, socket)
    if (opened === null) {
      hangUp(socket)
      return hmail.try_deliver()
    }
    if (this.attempt.needsNoAuthority(name)) vouchFor(socket)
    // Core would send in the clear what it is told to send now, had its socket lost the authenticated TLS session.
    if (!socket.isSecure()) throw new Error('the TLS session is not the one that was judged')
    this.core.try_deliver_host_on_socket.call(hmail, mx, host, port, socket)
    // Core remembers a host whose TLS broke, for a week and for every domain, as one to send to in the clear (D7).
    socket.prependListener('error', (error) => {
      if (error?.source === 'tls') error.source = 'mta-sts'
    })
    playOpening(socket, { name, ...opened })
  }

  /** An authenticated session, or null when the host failed. */
  async #open(mx, name, address, socket) {
    const { attempt } = this
    const patience = socket._timeout || PATIENCE
    try {
      const greeting = await untilStarttls(socket, mx.bind_helo, patience)
      const upgrade = (secured) => socket.upgrade(attempt.tlsOptions(name), secured)
      const [, , cert, cipher] = await handshake(socket, upgrade, patience)
      return attempt.judge(name, { session: 'tls', peer: socket.cleartext, address })
        ? { greeting, cert, cipher }
        : null
    } catch (error) {
      if (!(error instanceof OpeningError)) throw error
      attempt.judge(name, { session: error.session, detail: error.message, address })
      return null
    }
  }

  #defer(reason, extra) {
    const { hmail, core } = this
    exports.release(hmail)
    // 4.7.5, "cryptographic failure"; should the message bounce at the end of its time, core makes it 5.7.5.
    for (const rcpt of hmail.todo.rcpt_to) {
      hmail.extend_rcpt_with_dsn(rcpt, { code: 451, msg: reason, cls: 4, sub: 7, det: 5 })
    }
    return core.temp_fail.call(hmail, reason, extra)
  }
}

/** Core asks a socket whether it is secure and means PKIX by it, too; DANE asks no certificate authority. */
function vouchFor(socket) {
  const judged = socket.cleartext
  socket.isSecure = () => socket.targetsocket === judged && judged.encrypted
}

function hangUp(socket) {
  socket.removeAllListeners()
  socket.on('error', () => {})
  socket.destroy()
}

/**
 * Plays to core the opening that the guard led, over the TLS session that it left: core greets and asks for STARTTLS as
 * it always does, but what it says until "TLS is up" goes nowhere, and what it hears is good news.
 */
function playOpening(socket, { name, greeting, cert, cipher }) {
  const { upgrade } = socket
  const hear = (...lines) =>
    queueMicrotask(() => {
      for (const line of lines) socket.emit('line', `${line}\r\n`)
    })
  socket.write = (command) => {
    if (/^EHLO /i.test(command)) hear(`250-${name}`, '250 STARTTLS')
    else if (/^STARTTLS/i.test(command)) hear('220 ready')
    else socket.destroy()
    return true
  }
  socket.upgrade = (_options, secured) => {
    delete socket.write
    socket.upgrade = upgrade
    queueMicrotask(() => {
      socket.emit('secure')
      secured(true, undefined, cert, cipher)
    })
  }
  hear(greeting.replace(/^220[ -]?/, '220 '))
}

/**
 * Says once, without taking part, what core made of a session: when it is up, when core sends in the clear, or when the
 * connection ends before either.
 */
function watch(socket, tell) {
  const { destroy, upgrade, write } = socket
  let asked = 'no-starttls'
  let answered = false
  let last = 'no answer'
  let told = false
  const once = (session) => {
    if (!told) tell(session)
    told = true
  }
  const ended = (why) => {
    const { cleartext } = socket
    if (cleartext?.authorizationError) once({ session: 'tls', refusal: cleartext.authorizationError })
    else if (cleartext) once({ session: 'handshake-failed', detail: `TLS handshake: ${why?.code ?? why}` })
    else once({ session: answered ? asked : 'not-connected', detail: last })
  }
  socket.prependListener('line', (line) => {
    last = line.trimEnd()
    answered ||= /^(?:250|5)/.test(line)
  })
  socket.prependListener('error', ended)
  socket.prependListener('close', () => ended('the connection was closed'))
  socket.destroy = function (...args) {
    ended('the connection was closed')
    return destroy.apply(this, args)
  }
  socket.write = function (command, ...rest) {
    if (/^STARTTLS/i.test(command)) asked = 'starttls-refused'
    if (/^MAIL /i.test(command)) {
      delete socket.write
      once({ session: 'no-starttls', detail: 'sent in the clear' })
    }
    return write.call(this, command, ...rest)
  }
  socket.upgrade = (options, secured) =>
    upgrade(options, (...result) => {
      once({ session: 'tls', peer: socket.cleartext, certificate: result[2] })
      return secured(...result)
    })
}
