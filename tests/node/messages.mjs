// OpenPGP.js; tests/interop/programs.py asks.
import * as openpgp from 'openpgp'
import { answerWith, fromBase64, toBase64 } from './asked.mjs'

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

await answerWith(answers)
