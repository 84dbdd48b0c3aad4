import { DIRECTORY, optionWithDefault } from '../../hosting/flag.ts'
import {
  ACCESS_FLAGS,
  INDEX,
  NOTIFY_FLAGS,
  REPLICAS_FLAGS,
  SIGN,
  toServerFlags,
  VERIFY_EVERY,
} from '../../hosting/flags.ts'
import { listForms, REPLICA_ID } from '../../hosting/replica-address.ts'
import { declare } from './declaration.ts'

const ACCESS = { title: 'Who may ask', flags: ACCESS_FLAGS }

const HOW_IT_ENDS =
  'Prints one line when it listens and one for each request. SIGINT or SIGTERM ends it once the responses under way are finished; a second one ends it at once. SIGHUP reloads tokens and certificates, which are also reloaded when their files change. With --workers the process starts others, passes signals on to them, and replaces one that crashes.'
const STATUSES = { 0: 'ended by a signal', 2: 'trouble: it could not start' }

export const REPLICA = declare({
  name: 'replica',
  about: 'serve the files of a directory, or of another store, to coordinators',
  forms: ['DIR [options]'],
  operand: { name: 'DIR', completions: DIRECTORY },
  flags: {
    ...toServerFlags(6002),
    id: optionWithDefault('ID', REPLICA_ID, 'what this replica calls itself in its messages', 'replica'),
    sign: SIGN,
  },
  shared: [ACCESS],
  description: [`DIR may be another store as well: ${listForms()}.`, HOW_IT_ENDS],
  examples: {
    'vouch replica ./files': 'for coordinators on this machine, on port 6002',
    'vouch replica /srv/files --host 0.0.0.0 --token-file replica.token':
      'for other machines too, if they send the token',
  },
  statuses: STATUSES,
})

export const COORDINATOR = declare({
  name: 'coordinator',
  about: 'compare replicas for clients',
  forms: ['--replica ID=TARGET... [options]'],
  operand: null,
  flags: { ...toServerFlags(6001), verify: VERIFY_EVERY, ...NOTIFY_FLAGS, sign: SIGN },
  shared: [{ title: 'What to compare', flags: REPLICAS_FLAGS }, ACCESS],
  description: [
    HOW_IT_ENDS,
    'With --verify it asks every replica to read what was not read for longest, at the rate that reads everything in time, and goes on after a restart where it was. A replica server needs no such option: the coordinator asks it. vouch status shows how far it has come.',
  ],
  examples: {
    'vouch coordinator --replica here=./files --replica there=http://192.168.1.102:6002':
      'for clients on this machine, on port 6001',
    'vouch coordinator --replica a=/srv/a --replica b=/srv/b --require all --log json':
      'answer only when both answer, and log JSON',
    'vouch coordinator --cluster home --verify 30d': 'read every byte once a month, unnoticed',
  },
  statuses: STATUSES,
})

export const MARK = declare({
  name: 'mark',
  about: 'accept a directory as it is now, and mark it for recognition later',
  forms: ['DIR [--index PATH]'],
  operand: { name: 'DIR', completions: DIRECTORY },
  flags: { index: INDEX },
  shared: [],
  description: [
    'Creates the marker .vouch/replica in DIR unless it exists, and prints the id in it. The marker distinguishes the directory from the empty one that an unmounted disk leaves in its place. The first write to a directory creates it too. While the marker is missing or different, the replica is unreachable; while a file system that was mounted below DIR is not mounted, the names below it are errors. This command accepts DIR as it is now.',
    'Run it as the user that runs vouch on DIR, and with the same --index.',
  ],
  examples: {
    'vouch mark /mnt/disk/photos': 'before it is served, read-only or not',
    'vouch mark /srv/files': 'after a disk below it was removed for good',
  },
  statuses: { 0: 'marked', 2: 'trouble' },
})
