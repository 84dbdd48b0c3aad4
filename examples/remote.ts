// Asks replica servers for one file, and prints which version each holds: node remote.ts NAME URL...
import { createRemoteStorage, type Storage, StorageError } from 'vouch'
import { createSend } from 'vouch/node'

const [name = '', ...urls] = process.argv.slice(2)
const token = process.env['VOUCH_TOKEN']
const options = { fetch: createSend({ connectMs: 2000 }), token: token === undefined ? token : () => token }

for (const url of urls) console.log(`${url}: ${await describe(createRemoteStorage(url, options))}`)

/** Absent is null, and trouble is an error of the closed table: the two are never mixed up. */
async function describe(storage: Storage): Promise<string> {
  try {
    const facts = await storage.describe([name])[0]
    return facts ? `${facts.size} bytes, SHA-256 ${facts.digest}` : 'has no such file'
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return `did not say (${error.code})`
  }
}
