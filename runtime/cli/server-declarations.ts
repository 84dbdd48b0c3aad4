import type { Declaration } from './declaration.ts'
import { DOOR_FLAGS, INDEX, REPLICAS_FLAGS, toServerFlags } from './shared-flags.ts'

const HOW_IT_ENDS =
  'Prints one line when it listens and one a request. SIGINT or SIGTERM ends it once the answers under way are finished; a second one ends it at once. SIGHUP does not end it: it reads tokens and certificates again, as it does by itself when they change.'
const STATUSES = { 0: 'ended by a signal', 2: 'trouble: it could not begin' }

/** `vouch replica`. */
export const REPLICA: Declaration = {
  name: 'replica',
  about: 'serve the files of a directory, or of a bucket, to coordinators',
  forms: ['DIR [options]'],
  operand: { name: 'DIR', takes: { paths: 'directories' } },
  groups: [
    {
      title: 'Options',
      flags: {
        ...toServerFlags(6002),
        id: {
          value: 'ID',
          about: 'what this replica calls itself in its messages',
          otherwise: 'replica',
        },
      },
    },
    DOOR_FLAGS,
  ],
  description: ['DIR may be a bucket as well: s3://BUCKET or s3://BUCKET/PREFIX.', HOW_IT_ENDS],
  examples: [
    { line: 'vouch replica ./files', about: 'for coordinators on this machine, on port 6002' },
    {
      line: 'vouch replica /srv/files --host 0.0.0.0 --token-file replica.token',
      about: 'for others too, if they show the token',
    },
  ],
  statuses: STATUSES,
}

/** `vouch coordinator`. */
export const COORDINATOR: Declaration = {
  name: 'coordinator',
  about: 'compare replicas for clients',
  forms: ['--replica ID=TARGET... [options]'],
  operand: null,
  groups: [{ title: 'Options', flags: toServerFlags(6001) }, REPLICAS_FLAGS, DOOR_FLAGS],
  description: [HOW_IT_ENDS],
  examples: [
    {
      line: 'vouch coordinator --replica here=./files --replica there=http://192.168.1.102:6002',
      about: 'for clients on this machine, on port 6001',
    },
    {
      line: 'vouch coordinator --replica a=/srv/a --replica b=/srv/b --require all --log json',
      about: 'answer only when both do, and log for a program',
    },
  ],
  statuses: STATUSES,
}

/** `vouch mark`. */
export const MARK: Declaration = {
  name: 'mark',
  about: 'accept a directory as it is now, and mark it so that it is known again',
  forms: ['DIR [--index PATH]'],
  operand: { name: 'DIR', takes: { paths: 'directories' } },
  groups: [{ title: 'Options', flags: { index: INDEX } }],
  description: [
    'Creates the file .vouch/replica in DIR if there is none, and prints the id in it. By this marker vouch tells the directory from the empty one that an unmounted disk leaves in its place. The first write to a directory creates it too. While the marker is gone or another one, the replica is unreachable; while a file system that was mounted in DIR is not, the names below it are errors. After this command vouch accepts DIR as it is.',
    'Run it as the user that reads DIR with vouch, and with the same --index.',
  ],
  examples: [
    { line: 'vouch mark /mnt/disk/photos', about: 'before it is served, read-only or not' },
    { line: 'vouch mark /srv/files', about: 'after a disk below it was taken away for good' },
  ],
  statuses: { 0: 'marked', 2: 'trouble' },
}
