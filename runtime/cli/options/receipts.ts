import { ORIGIN_RULE, parseOrigin } from '../../../functions/proof/keys.ts'
import { type Kind, option, toggle } from '../../hosting/flag.ts'
import { CLUSTER_FLAGS, KEY as PUBLIC_KEY } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'

const ORIGIN: Kind<string> = { rule: ORIGIN_RULE, parse: parseOrigin }

export const KEY = declare({
  name: 'key',
  about: 'make a key to sign receipts with',
  forms: ['generate FILE [--origin NAME]'],
  operand: { name: 'generate FILE', many: true, completions: { words: ['generate'], paths: 'files' } },
  flags: {
    origin: option('NAME', ORIGIN, `who signs with it: ${ORIGIN_RULE}`, {
      otherwise: 'the name of this host, a slash, and that of FILE without its ending',
    }),
  },
  shared: [],
  description: [
    'Writes the private key to FILE, which nobody else can read, and the public one to FILE.pub, and replaces neither. --sign of vouch replica, coordinator and get takes FILE. Give FILE.pub to everyone who is to verify receipts, in a way by which they know that it is yours.',
    'Both are Ed25519 (RFC 8032): FILE in PKCS#8, as openssl reads it, and FILE.pub one line, with NAME, an ID and the key, as C2SP has it for signed notes.',
  ],
  examples: {
    'vouch key generate /etc/vouch/nas.key --origin nas.example.org':
      'for vouch replica --sign /etc/vouch/nas.key',
  },
  statuses: { 0: 'made', 2: 'trouble' },
})

export const RECEIPT = declare({
  name: 'receipt',
  about: 'verify what replicas have signed, without asking anybody',
  forms: ['verify FILE --key FILE.pub... [options]'],
  operand: { name: 'verify FILE', many: true, completions: { words: ['verify'], paths: 'files' } },
  flags: {
    key: PUBLIC_KEY,
    json: toggle('print one object, in one line of JSON'),
  },
  shared: [{ title: 'Settings', flags: CLUSTER_FLAGS }],
  description: [
    'Prints what a receipt says and who has signed it: the name of a file, its SHA-256, which sha256sum of the file has to show too, and when each signer read its bytes. Nothing is sent anywhere. Without --key the keys are those that the cluster of the settings file names.',
    'Of two keys with one name, as while one takes the place of the other, one suffices. A line of a key that is not given counts for nothing, and is reported. A receipt in which anything was changed is refused, with the line.',
  ],
  examples: {
    'vouch receipt verify deed.receipt --key nas.pub --key vm.pub': 'whether both have signed it',
    'vouch receipt verify deed.receipt': 'by the keys of the settings file',
  },
  statuses: {
    0: 'every signer whose key is given has signed it',
    1: 'only some of them have',
    2: 'trouble: it is not valid, or none of them has',
  },
})
