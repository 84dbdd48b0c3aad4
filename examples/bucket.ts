// Compares a directory with a bucket of S3: node bucket.ts DIR 's3://BUCKET/PREFIX?endpoint=URL'
import { createCoordinator, createDigestCache, createObjectStorage } from 'vouch'
import { createDirectoryStorage, createHasher, createSend } from 'vouch/node'
import { createS3Objects, parseS3Word, toPlace } from 'vouch/s3'

const [path = '.', text = ''] = process.argv.slice(2)
const word = parseS3Word(text)
if (word === null) throw new Error('the second argument takes s3://BUCKET/PREFIX')
const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = process.env

const { root } = word
const objects = createS3Objects({
  ...toPlace(word, { endpoint: null, region: null }),
  root,
  credentials: async () => ({ accessKeyId, secretAccessKey }),
  fetch: createSend(),
})
// A store of objects becomes a storage: its own SHA-256 is believed, and where it has none the object is read
// once.
const bucket = createObjectStorage(objects, { createHasher, cache: createDigestCache(), root })
const directory = createDirectoryStorage(path)

const coordinator = createCoordinator(
  [
    { id: 'directory', storage: directory },
    { id: 'bucket', storage: bucket },
  ],
  { createHasher },
)
process.stdout.write(await (await coordinator.request('/audit')).text())
await directory.close()
