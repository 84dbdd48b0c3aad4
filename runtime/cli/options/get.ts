import { FILE, option, toggle } from '../../hosting/flag.ts'
import { GLOB_FLAGS, MAX_AGE, QUIET, READ_REQUIRE, SIGN } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { SOURCE } from './source.ts'

export const GET = declare({
  name: 'get',
  about: 'get files once all copies of each have been compared',
  forms: ['[NAME] [options]', 'NAME|FOLDER/... [-o DIR] [options]', '--files-from FILE [-o DIR] [options]'],
  operand: { name: 'NAME', many: true },
  flags: {
    output: option(
      'PATH',
      FILE,
      'where to write, in a directory that is made when it is missing; - is standard output; for several files a directory',
      {
        short: 'o',
        otherwise: "client_received with the name's extension, or the current directory",
      },
    ),
    remoteName: toggle("write to the name's last part", { short: 'O' }),
    filesFrom: option('FILE', FILE, 'get the files whose names are in FILE, one a line; - is standard input'),
    ...GLOB_FLAGS,
    require: READ_REQUIRE,
    maxAge: MAX_AGE,
    quiet: QUIET,
    receipt: option('FILE', FILE, 'write what the replicas have signed of the file to FILE'),
    sign: SIGN,
    json: toggle('print a report to standard output, in one line of JSON for each file'),
  },
  shared: [SOURCE],
  description: [
    'Without NAME it asks for one. The content is checked against the announced digest before the file gets its name. Run again, it resumes a transfer that broke off.',
    'A replica that did not answer, or refused to, may hold another version: the file is written, but the exit status is 3. With --require all nothing is written, and the exit status is 2.',
    "When the copies differ, each version is written beside the destination as ID_version with the name's extension, where ID is a replica that holds it, and .vouch-conflict.json says for a program which file has which version. With -o - nothing is written then.",
    'With several names, --files-from, a folder such as docs/, --match or --exclude, the files keep their names and folders below DIR, which is made when it is missing, and each version is written beside its name, such as notes.ID_version.txt with notes.txt.vouch-conflict.json. A folder is everything below it that any replica lists; --match and --exclude select from the folders, or from all files.',
    'A file that is there already is hashed, and received only when its copies have another content. No symbolic link in DIR is followed. The trouble of one file does not stop the others.',
    'A receipt has a line of each replica that holds the content and has a key; for the others the coordinator signs, if it has one. With --replica this command is the coordinator: --sign names its key. vouch receipt verify reads it.',
  ],
  examples: {
    'vouch get photos/cat.jpg -O': 'ask the coordinator on this machine, and write cat.jpg',
    'vouch get notes.txt --replica a=./a --replica b=http://192.168.1.102:6002':
      'with no coordinator: compare a directory with a replica server',
    'vouch get db.dump --require all -o - | pg_restore': 'fail unless every replica answers',
    "vouch get photos/ --exclude '*.tmp' -o backup": 'all of a folder, below backup/photos/',
    'vouch get deed.pdf -O --receipt deed.receipt': 'with what the replicas sign of it',
    'vouch get --files-from names.txt --json': 'many files, with a report for a program',
  },
  statuses: {
    0: 'got it, and every replica answered',
    1: 'the copies differ',
    2: 'trouble: not found, or unknown because some replica did not answer',
    3: 'got it, but some replica neither sent its copy nor reported it missing. With several files it is the first of 2, 1 and 3 that one of them has',
  },
})
