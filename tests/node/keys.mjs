// OpenPGP.js on keys, seals and notes: one JSON request on standard input, one JSON answer on
// standard output. tests/interop/test_keys_openpgpjs.py is the other end.
import * as openpgp from 'openpgp'

const KNOWN = { knownNotations: ['context@hygieia'] }
const octetsOf = (text) => new TextEncoder().encode(text)

const answers = {
  async inspect ({ certificate }) {
    const key = await openpgp.readKey({ armoredKey: certificate })
    await key.verifyPrimaryKey()
    const { user } = await key.getPrimaryUser()
    const [signing, encryption] = [await key.getSigningKey(), await key.getEncryptionKey()]
    return {
      fingerprint: key.getFingerprint(),
      user: user.userID.userID,
      signing: signing.getFingerprint(),
      encryption: encryption.getFingerprint(),
      revoked: await key.isRevoked(),
      features: [...user.selfCertifications[0].features],
      suites: user.selfCertifications[0].preferredCipherSuites
    }
  },

  async unlock ({ key, passphrase }) {
    const privateKey = await openpgp.decryptKey({ privateKey: await openpgp.readPrivateKey({ armoredKey: key }), passphrase })
    const message = await openpgp.createMessage({ text: 'to myself' })
    const armored = await openpgp.encrypt({ message, encryptionKeys: privateKey.toPublic() })
    const { data } = await openpgp.decrypt({ message: await openpgp.readMessage({ armoredMessage: armored }), decryptionKeys: privateKey })
    return { fingerprint: privateKey.getFingerprint(), text: data }
  },

  async verify ({ note, signature, certificate }) {
    const { signatures: [first] } = await openpgp.verify({
      message: await openpgp.createMessage({ binary: octetsOf(note) }),
      signature: await openpgp.readSignature({ armoredSignature: signature }),
      verificationKeys: await openpgp.readKey({ armoredKey: certificate }),
      config: KNOWN
    })
    const packet = (await first.signature).packets[0]
    return {
      valid: await first.verified.then(() => true, () => false),
      created: packet.created.toISOString(),
      notations: packet.rawNotations.map(({ name, value, critical }) => [name, new TextDecoder().decode(value), critical])
    }
  },

  async sign ({ note, context, created, key, passphrase }) {
    const privateKey = await openpgp.decryptKey({ privateKey: await openpgp.readPrivateKey({ armoredKey: key }), passphrase })
    const notation = { name: 'context@hygieia', value: octetsOf(context), humanReadable: true, critical: false }
    return {
      signature: await openpgp.sign({
        message: await openpgp.createMessage({ binary: octetsOf(note) }),
        signingKeys: privateKey,
        detached: true,
        date: new Date(created),
        signatureNotations: [notation]
      })
    }
  },

  async revoke ({ certificate, revocation }) {
    const key = await openpgp.readKey({ armoredKey: certificate })
    const { publicKey } = await openpgp.revokeKey({ key, revocationCertificate: revocation })
    return { certificate: publicKey }
  },

  async generate ({ passphrase }) {
    const made = await openpgp.generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: 'Jana Script', email: 'jana@example.org' }],
      passphrase,
      config: { aeadProtect: false }
    })
    const { publicKey: revoked } = await openpgp.revokeKey({
      key: await openpgp.readKey({ armoredKey: made.publicKey }),
      revocationCertificate: made.revocationCertificate
    })
    return { certificate: made.publicKey, key: made.privateKey, revoked }
  }
}

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { ask, ...request } = JSON.parse(Buffer.concat(chunks).toString())
process.stdout.write(JSON.stringify(await answers[ask](request)))
