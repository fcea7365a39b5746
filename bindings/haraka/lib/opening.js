'use strict'

/**
 * The opening of an SMTP session: greeting, EHLO, STARTTLS, handshake. Nobody has authenticated the peer yet, so nothing
 * it says here may decide more than that this one MX host is of no use (R-8461-4.2-09, R-8461-5.1-04).
 */

// Enough for any EHLO reply; a peer that sends more has nothing to say.
const MAX_OCTETS = 64 * 1024

/**
 * Why an opening failed. `session` is what core.judge is told of it: "not-connected" when there was no SMTP session to
 * begin with (a busy host, a cut line), which is no failure of TLS.
 */
class OpeningError extends Error {
  constructor(session, detail) {
    super(detail)
    this.name = 'OpeningError'
    this.session = session
  }
}
exports.OpeningError = OpeningError

/**
 * Leads a session up to the point where TLS can begin. The socket is left without any listener of ours.
 *
 * @param socket connected, nothing read from it yet
 * @param {string} helo the name to send in EHLO
 * @param {number} patience milliseconds for each reply
 * @returns {Promise<string>} the last line of the greeting, without its end
 * @throws {OpeningError} session "not-connected", "no-starttls", "starttls-refused" or "handshake-failed"
 */
exports.untilStarttls = async (socket, helo, patience) => {
  const peer = new Peer(socket, patience)
  try {
    const greeting = await peer.reply('not-connected', 'greeting')
    expect('220', greeting, 'greeting', beforeStarttls)
    const ehlo = await peer.ask(`EHLO ${helo}`, 'not-connected')
    expect('250', ehlo, 'EHLO', beforeStarttls)
    if (!ehlo.some(offersStarttls)) throw new OpeningError('no-starttls', 'STARTTLS is not offered')
    expect('220', await peer.ask('STARTTLS', 'starttls-refused'), 'STARTTLS', () => 'starttls-refused')
    // Nothing said in the clear may outlive the clear (R-3207-4.2-01).
    if (peer.unread !== '') throw new OpeningError('handshake-failed', 'plaintext after the reply to STARTTLS')
    return greeting.at(-1)
  } finally {
    peer.leave()
  }
}

const offersStarttls = (line) => /^250[ -]STARTTLS[ \t]*$/i.test(line)

/** A refusal for good is a host that will not do TLS, or somebody who wants it to look so; any other may pass. */
const beforeStarttls = (line) => (line.startsWith('5') ? 'no-starttls' : 'not-connected')

function expect(code, reply, command, sessionFor) {
  const last = reply.at(-1)
  if (!last.startsWith(code)) throw new OpeningError(sessionFor(last), `${command} was answered "${shown(last)}"`)
}

/** Replies of the peer, one at a time. */
class Peer {
  constructor(socket, patience) {
    this.socket = socket
    this.patience = patience
    this.unread = ''
    this.received = 0
    this.gone = null
    this.waiting = null
    this.listeners = {
      data: (data) => this.#take(data),
      error: (error) => this.#end(error.code || error.message || String(error)),
      close: () => this.#end('the connection was closed'),
      end: () => this.#end('the connection was closed'),
    }
    for (const [event, listener] of Object.entries(this.listeners)) socket.on(event, listener)
  }

  /** The lines of the next reply, without their ends. */
  async reply(session, what) {
    const lines = []
    let timer
    const whole = new Promise((resolve, reject) => {
      const fail = (why) => reject(new OpeningError(session, `${what}: ${why}`))
      this.waiting = () => {
        for (let line = this.#line(); line !== null; line = this.#line()) {
          lines.push(line)
          const [, more] = /^\d{3}([ -]|$)/.exec(line) ?? [null, null]
          if (more === null) return fail(`"${shown(line)}" is no SMTP reply`)
          if (more !== '-') return resolve(lines)
        }
        if (this.gone !== null) fail(this.gone)
      }
      timer = setTimeout(() => fail(`no answer within ${this.patience / 1000} s`), this.patience)
      this.waiting()
    })
    return whole.finally(() => {
      clearTimeout(timer)
      this.waiting = null
    })
  }

  ask(command, session) {
    this.socket.write(`${command}\r\n`)
    return this.reply(session, command.split(' ')[0])
  }

  leave() {
    for (const [event, listener] of Object.entries(this.listeners)) this.socket.removeListener(event, listener)
  }

  #line() {
    const end = this.unread.indexOf('\n')
    if (end < 0) return null
    const line = this.unread.slice(0, end).replace(/\r$/, '')
    this.unread = this.unread.slice(end + 1)
    return line
  }

  #take(data) {
    this.unread += data.toString('latin1')
    this.received += data.length
    if (this.received > MAX_OCTETS) return this.#end(`more than ${MAX_OCTETS} octets before TLS`)
    this.waiting?.()
  }

  #end(why) {
    this.gone ??= why
    this.waiting?.()
  }
}

/** Words of the peer for logs and DSNs: printable and short. */
const shown = (line) => line.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)

/**
 * The TLS handshake. Nothing is decided here: an unproven peer is a finished handshake, too.
 *
 * @param socket as untilStarttls left it
 * @param {(secured: Function) => void} upgrade begins TLS and calls back when the handshake is over
 * @param {number} patience milliseconds
 * @returns {Promise<unknown[]>} what `secured` was called with
 * @throws {OpeningError} session "handshake-failed"
 */
exports.handshake = (socket, upgrade, patience) => {
  let leave
  const over = new Promise((resolve, reject) => {
    const fail = (why) => reject(new OpeningError('handshake-failed', `TLS handshake: ${why}`))
    const onError = (error) => fail(error.code || error.message || String(error))
    const onEnd = () => fail('the connection was closed')
    const timer = setTimeout(() => fail(`no answer within ${patience / 1000} s`), patience)
    socket.on('error', onError).on('close', onEnd).on('end', onEnd)
    leave = () => {
      clearTimeout(timer)
      socket.removeListener('error', onError).removeListener('close', onEnd).removeListener('end', onEnd)
    }
    upgrade((...result) => resolve(result))
  })
  return over.finally(leave)
}
