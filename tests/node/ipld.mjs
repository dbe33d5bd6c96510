// The JavaScript IPLD implementations; tests/unit/ipld/oracle.py asks.
import { CarReader, CarWriter } from '@ipld/car'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { MemoryBlockstore } from 'blockstore-core/memory'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { createIPNSRecordWithExpiration, marshalIPNSRecord, multihashToIPNSRoutingKey, unmarshalIPNSRecord } from 'ipns'
import { ipnsValidator } from 'ipns/validator'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base16 } from 'multiformats/bases/base16'
import { CID } from 'multiformats/cid'
import { answerWith, fromBase64, toBase64 } from './asked.mjs'

async function joined (parts) {
  const list = []
  for await (const part of parts) list.push(part)
  return Buffer.concat(list)
}

async function storeOf (blocks) {
  const store = new MemoryBlockstore()
  for (const [cid, data] of Object.entries(blocks)) await store.put(CID.parse(cid), fromBase64(data))
  return store
}

const answers = {
  /** Files (and so directories) under the profile; small chunks and widths show the tree's layout. */
  async import ({ files, chunk, width, wrap, shard }) {
    const options = { profile: 'unixfs-v1-2025', wrapWithDirectory: wrap === true }
    if (chunk != null) options.chunker = fixedSize({ chunkSize: chunk })
    if (width != null) options.layout = balanced({ maxChildrenPerNode: width })
    if (shard === true) options.shardSplitThresholdBytes = 1
    const blocks = {}
    const store = new MemoryBlockstore()
    const put = store.put.bind(store)
    store.put = (cid, data, ...rest) => { blocks[cid.toString()] = toBase64(data); return put(cid, data, ...rest) }
    let root
    const source = files.map(({ path, data }) => ({ path, content: fromBase64(data) }))
    for await (const entry of importer(source, store, options)) root = entry
    return { root: root.cid.toString(), blocks }
  },

  async export ({ path, blocks, offset, length }) {
    const entry = await exporter(path, await storeOf(blocks))
    return { size: Number(entry.size), data: toBase64(await joined(entry.content({ offset: offset ?? undefined, length: length ?? undefined }))) }
  },

  async carRead ({ car }) {
    const reader = await CarReader.fromBytes(fromBase64(car))
    const blocks = []
    for await (const { cid, bytes } of reader.blocks()) blocks.push([cid.toString(), toBase64(bytes)])
    return { roots: (await reader.getRoots()).map(String), blocks }
  },

  async carWrite ({ roots, blocks }) {
    const { writer, out } = CarWriter.create(roots.map((root) => CID.parse(root)))
    const bytes = joined(out)
    for (const [cid, data] of blocks) await writer.put({ cid: CID.parse(cid), bytes: fromBase64(data) })
    await writer.close()
    return { car: toBase64(await bytes) }
  },

  async ipnsCreate ({ seed, value, sequence, expiration, old }) {
    const key = await generateKeyPairFromSeed('Ed25519', fromBase64(seed))
    const record = await createIPNSRecordWithExpiration(key, value, sequence, expiration, { v1Compatible: old })
    return { name: key.publicKey.toCID().toString(base36), peer: key.publicKey.toString(), record: toBase64(marshalIPNSRecord(record)) }
  },

  async ipnsVerify ({ name, record }) {
    const bytes = fromBase64(record)
    await ipnsValidator(multihashToIPNSRoutingKey(CID.parse(name, base36).multihash), bytes)
    const { value, sequence, validity, ttl } = unmarshalIPNSRecord(bytes)
    return { value, sequence: String(sequence), validity, ttl: String(ttl) }
  },

  async cidForms ({ cid }) {
    const parsed = CID.parse(cid)
    const forms = [parsed.toString(), parsed.toString(base36), parsed.toString(base58btc), parsed.toString(base16)]
    return { forms, v0: parsed.code === 0x70 ? parsed.toV0().toString() : null }
  }
}

await answerWith(answers)
