import { ORIGIN_RULE, parseOrigin } from '../../../functions/proof/keys.ts'
import { FILE, type Kind, option, toggle } from '../../hosting/flag.ts'
import { KEY as PUBLIC_KEY, SIGN } from '../../hosting/flags.ts'
import { parseTarget, type Target } from '../../hosting/replica-address.ts'
import { declare } from './declaration.ts'
import { SOURCE } from './source.ts'

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

const TARGET: Kind<Target> = {
  rule: 'a path, a list such as manifest:SHA256SUMS, or an address as of --replica',
  parse: parseTarget,
  paths: 'files',
  words: ['manifest:', 'http://', 'https://'],
}

export const RECEIPT = declare({
  name: 'receipt',
  about: 'verify what replicas have signed of a file, or have all files signed at once',
  forms: [
    'verify FILE --key FILE.pub... [--since OLD] [options]',
    'tree [PREFIX] -o FILE [options]',
    'path FILE NAME --files TARGET -o RECEIPT',
    'witness FILE --key FILE.pub... --sign KEY',
    'trees [options]',
  ],
  operand: {
    name: 'FILE',
    many: true,
    completions: { words: ['verify', 'tree', 'path', 'witness', 'trees'], paths: 'files' },
  },
  flags: {
    key: PUBLIC_KEY,
    files: option('TARGET', TARGET, 'the files that a tree is of, now or as a list has them'),
    since: option('OLD', FILE, 'an earlier tree, to say what has changed since'),
    sinceFiles: option('TARGET', TARGET, 'the files that OLD is of, as a list from then has them'),
    output: option('PATH', FILE, 'where to write', { short: 'o', otherwise: 'standard output' }),
    sign: SIGN,
    json: toggle('print one object, in one line of JSON'),
  },
  shared: [SOURCE],
  description: [
    'verify prints what a receipt says and who has signed it: the name of a file, its SHA-256, which sha256sum of the file has to show too, and when each signer read its bytes. It asks nobody, unless TARGET is elsewhere.',
    'Without --key the keys are those of the cluster of the settings file. Of two keys with one name, as while one takes the place of the other, one suffices. A line of a key that is not given counts for nothing, and is reported. A receipt in which anything was changed is refused, with the line.',
    'tree has each replica sign all its files whose names start with PREFIX at once: their number, and the root of a Merkle tree (RFC 6962) over the lines that sha256sum prints for them, in the byte order of the names.',
    'Replicas with the same files sign one text. Where they differ, each text is written beside FILE, as ID_FILE. A coordinator keeps what was signed; trees prints it.',
    'path writes the receipt of one file of a signed tree. It reads all files of TARGET, which have to be those that were signed: a list that vouch sums wrote then is enough.',
    'verify --since compares two signed trees. If their roots are the same, no file has changed. To name what has, it needs both lists; it prints nothing unless each is the whole of what was signed.',
    'A witness signs that it has seen a valid receipt or tree now, and adds its line to FILE.',
  ],
  examples: {
    'vouch receipt verify deed.receipt --key nas.key.pub --key vm.key.pub': 'whether both have signed it',
    'vouch receipt tree -o 2026-11-30.tree && vouch sums -o 2026-11-30.sha256':
      'sign all files that the coordinator compares, and keep the list of them',
    'vouch receipt path 2026-11-30.tree deed.pdf --files manifest:2026-11-30.sha256 -o deed.receipt':
      'the receipt of one of them',
    'vouch receipt verify 2026-12-31.tree --since 2026-11-30.tree --files manifest:2026-12-31.sha256 --since-files manifest:2026-11-30.sha256':
      'what has changed in December',
  },
  statuses: {
    0: 'every signer whose key is given has signed it; with --files and --since, nothing has changed',
    1: 'only some of them have, or something has changed; with tree, the replicas differ',
    2: 'trouble: it is not valid, or none of them has signed it',
    3: 'with tree: signed, but some replica did not answer',
  },
})
