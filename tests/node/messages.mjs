// OpenPGP.js, asked over standard input: one JSON request a line, one JSON answer a line. Bytes
// travel as base64. tests/interop/programs.py is the other end.
import { createInterface } from 'node:readline'
import * as openpgp from 'openpgp'

const toBase64 = (bytes) => Buffer.from(bytes).toString('base64')
const fromBase64 = (text) => new Uint8Array(Buffer.from(text, 'base64'))

const answers = {
  async encrypt ({ certificates, content, signWith, anonymous, mode, compression }) {
    const { aead, compression: kinds } = openpgp.enums
    const encryptionKeys = await Promise.all(certificates.map((armoredKey) => openpgp.readKey({ armoredKey })))
    const message = await openpgp.createMessage({ binary: fromBase64(content), filename: 'scan.bin' })
    const signingKeys = signWith == null ? undefined : await openpgp.readPrivateKey({ armoredKey: signWith })
    const config = { preferredCompressionAlgorithm: kinds[compression ?? 'uncompressed'] }
    let sessionKey = await openpgp.generateSessionKey({ encryptionKeys, config })
    if (mode === 'seipd1') sessionKey = { ...sessionKey, aeadAlgorithm: undefined }
    else sessionKey = { ...sessionKey, aeadAlgorithm: mode }
    if (aead[mode] == null && mode !== 'seipd1') throw new Error('no such mode')
    const options = { message, encryptionKeys, signingKeys, sessionKey, wildcard: anonymous, format: 'binary', config }
    return { message: toBase64(await openpgp.encrypt(options)) }
  },

  async decrypt ({ key, message }) {
    const decryptionKeys = await openpgp.readPrivateKey({ armoredKey: key })
    const binaryMessage = fromBase64(message)
    const { data } = await openpgp.decrypt({ message: await openpgp.readMessage({ binaryMessage }), decryptionKeys, format: 'binary' })
    return { content: toBase64(data) }
  },

  async decryptWithSessionKey ({ sessionKey, message }) {
    const binaryMessage = fromBase64(message)
    const sessionKeys = { data: fromBase64(sessionKey), algorithm: 'aes256', aeadAlgorithm: 'gcm' }
    const { data } = await openpgp.decrypt({ message: await openpgp.readMessage({ binaryMessage }), sessionKeys, format: 'binary' })
    return { content: toBase64(data) }
  },

  /** PKESK packets alone, as our web client adds a reader. */
  async wrap ({ certificate, sessionKey }) {
    const encryptionKeys = await openpgp.readKey({ armoredKey: certificate })
    const key = { data: fromBase64(sessionKey), algorithm: 'aes256', aeadAlgorithm: 'gcm' }
    return { packets: toBase64(await openpgp.encryptSessionKey({ ...key, encryptionKeys, wildcard: true, format: 'binary' })) }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...request } = JSON.parse(line)
  let answer
  try {
    answer = await answers[ask](request)
  } catch (error) {
    answer = { error: String(error?.message ?? error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
