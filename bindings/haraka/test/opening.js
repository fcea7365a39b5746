'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { afterEach, beforeEach, describe, it } = require('node:test')

const { untilStarttls } = require('../lib/opening')

// A real peer on a real socket; what it says next is the test's.
let server
let peer
let socket

beforeEach(async () => {
  server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  socket = net.connect(server.address().port, '127.0.0.1')
  ;[peer] = await once(server, 'connection')
  peer.on('error', () => {})
})
afterEach(() => {
  socket.destroy()
  peer.destroy()
  server.close()
})

const PATIENCE = 300
const open = () => untilStarttls(socket, 'sender.test', PATIENCE)

const EHLO = '250-mx.test\r\n250 STARTTLS\r\n'
const says = (text) => peer.write(text)
/** Answers the commands in turn. */
function answers(...replies) {
  peer.on('data', () => says(replies.shift() ?? ''))
}
const failure = () =>
  open().then(
    () => assert.fail('the opening passed'),
    (error) => error,
  )

describe('the opening', () => {
  for (const [what, greeting, ehlo] of [
    ['one line each', '220 mx.test ESMTP\r\n', EHLO],
    ['a greeting of several lines', '220-welcome\r\n220-to\r\n220 mx.test\r\n', EHLO],
    ['lines that end in LF alone', '220 mx.test\n', '250-mx.test\n250 STARTTLS\n'],
    ['the keyword in small letters', '220 mx.test\r\n', '250-mx.test\r\n250-starttls\r\n250 8BITMIME\r\n'],
    ['no text behind the code', '220\r\n', EHLO],
  ]) {
    it(`passes with ${what}`, async () => {
      answers(ehlo, '220 go\r\n')
      says(greeting)
      assert.match(await open(), /^220/)
    })
  }

  it('leaves no listener behind', async () => {
    const listeners = () => ['data', 'error', 'close', 'end'].map((event) => socket.listenerCount(event))
    const before = listeners()
    answers(EHLO, '220 go\r\n')
    says('220 mx.test\r\n')
    await open()
    assert.deepEqual(listeners(), before)
  })

  it('takes replies that come octet by octet', async () => {
    answers(EHLO, '220 go\r\n')
    for (const octet of '220-a\r\n220 b\r\n') {
      says(octet)
      await new Promise(setImmediate)
    }
    assert.equal(await open(), '220 b')
  })

  for (const [what, greeting, replies, session, message] of [
    ['a greeting that turns us away', '554 no\r\n', [], 'no-starttls', /^greeting was answered "554 no"$/],
    ['a greeting that puts us off', '421 busy\r\n', [], 'not-connected', /^greeting was answered "421 busy"$/],
    ['a greeting that is no SMTP', 'SSH-2.0-x\r\n', [], 'not-connected', /"SSH-2.0-x" is no SMTP reply/],
    ['a continuation that is none', '220-a\r\nnonsense\r\n', [], 'not-connected', /"nonsense" is no SMTP reply/],
    ['a greeting without an end', '220 ever', [], 'not-connected', /^greeting: no answer within 0.3 s$/],
    ['silence', '', [], 'not-connected', /^greeting: no answer within 0.3 s$/],
    ['EHLO refused', '220 a\r\n', ['502 no\r\n'], 'no-starttls', /^EHLO was answered "502 no"$/],
    ['EHLO put off', '220 a\r\n', ['421 bye\r\n'], 'not-connected', /^EHLO was answered "421 bye"$/],
    ['STARTTLS not offered', '220 a\r\n', ['250 mx.test\r\n'], 'no-starttls', /^STARTTLS is not offered$/],
    ['STARTTLS as a part of a word', '220 a\r\n', ['250 STARTTLSX\r\n'], 'no-starttls', /^STARTTLS is not offered$/],
    [
      'STARTTLS put off',
      '220 a\r\n',
      [EHLO, '454 later\r\n'],
      'starttls-refused',
      /^STARTTLS was answered "454 later"$/,
    ],
    [
      'STARTTLS refused',
      '220 a\r\n',
      [EHLO, '554 never\r\n'],
      'starttls-refused',
      /^STARTTLS was answered "554 never"$/,
    ],
    ['no reply to STARTTLS', '220 a\r\n', [EHLO], 'starttls-refused', /^STARTTLS: no answer within 0.3 s$/],
    [
      'a reply hidden behind the one to STARTTLS',
      '220 a\r\n',
      [EHLO, '220 go\r\n250 ok\r\n'],
      'handshake-failed',
      /^plaintext after the reply to STARTTLS$/,
    ],
    [
      'a single octet behind the reply to STARTTLS',
      '220 a\r\n',
      [EHLO, '220 go\r\n2'],
      'handshake-failed',
      /^plaintext after the reply to STARTTLS$/,
    ],
  ]) {
    it(`fails on ${what}`, async () => {
      answers(...replies)
      says(greeting)
      const error = await failure()
      assert.equal(error.session, session)
      assert.match(error.message, message)
    })
  }

  it('fails on a connection that is closed', async () => {
    peer.end()
    const error = await failure()
    assert.deepEqual([error.session, error.message], ['not-connected', 'greeting: the connection was closed'])
  })

  it('fails on a peer that never stops talking, at 64 KiB', async () => {
    const chatter = setInterval(() => says('220-a\r\n'.repeat(1000)), 1)
    const error = await failure()
    clearInterval(chatter)
    assert.match(error.message, /more than 65536 octets before TLS/)
  })

  it('shows nothing unprintable of what a peer said', async () => {
    says('554 \u001b[2Jno\r\n')
    assert.equal((await failure()).message, 'greeting was answered "554 ?[2Jno"')
  })
})
