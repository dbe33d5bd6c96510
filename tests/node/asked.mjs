// A program asked over standard input: one JSON request a line, one JSON answer a line. Bytes travel
// as base64. tests/node_program.py is the other end.
import { createInterface } from 'node:readline'

export const toBase64 = (bytes) => Buffer.from(bytes).toString('base64')
export const fromBase64 = (text) => new Uint8Array(Buffer.from(text, 'base64'))

export async function answerWith (answers) {
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
}
