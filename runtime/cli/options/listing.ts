import { DIRECTORY, toggle } from '../../hosting/flag.ts'
import { MAX_AGE, READ_REQUIRE } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { SOURCE } from './source.ts'

export const LS = declare({
  name: 'ls',
  about: 'list the names in a folder',
  forms: ['[FOLDER] [options]'],
  operand: { name: 'FOLDER' },
  flags: {
    recursive: toggle('every name below FOLDER, instead of its folders', { short: 'r' }),
    require: READ_REQUIRE,
    json: toggle('print a line of JSON for each name, with the size and time of each copy that is listed'),
  },
  shared: [SOURCE],
  description: [
    'Prints the names that any replica lists in FOLDER, by default of everything, one a line in the order of their bytes. Each is whole, so that get --files-from and cat take it; a folder ends with a slash. Nothing is compared: vouch check does that.',
    'Control characters in a name are escaped; --json has the names as they are. Links, devices and names that are not valid are not listed.',
  ],
  examples: {
    'vouch ls photos/': 'the files and folders in photos/',
    'vouch ls -r docs | grep .md$ | vouch get --files-from - -o backup': 'choose from all names below docs/',
    'vouch ls -r --json --require all | jq -r .name':
      'for a program; fail unless every replica lists its files',
  },
  statuses: {
    0: 'listed, and every replica sent its list',
    2: 'trouble: no such folder, or there are files whose names are not valid',
    3: 'listed, but some replica sent no list, so names may be missing',
  },
})

export const CAT = declare({
  name: 'cat',
  about: 'print files to standard output once all copies of each have been compared',
  forms: ['NAME... [options]'],
  operand: { name: 'NAME', many: true },
  flags: { require: READ_REQUIRE, maxAge: MAX_AGE },
  shared: [SOURCE],
  description: [
    'Prints the content of each NAME, one after the other. Of a file whose copies differ, or that was not found, nothing is printed, and the others follow. The bytes are checked against the announced digest as they pass: when they turn out to be wrong, it ends with 2, and what was printed is to be discarded.',
  ],
  examples: {
    'vouch cat notes.txt': 'ask the coordinator on this machine',
    'vouch cat part1 part2 --require all > whole && mv whole done':
      'use it only if all copies of both agree and every replica answered',
  },
  statuses: {
    0: 'printed, and every replica answered',
    1: 'the copies differ',
    2: 'trouble: not found, or unknown because some replica did not answer',
    3: 'printed, but some replica neither sent its copy nor reported it missing. With several files it is the first of 2, 1 and 3 that one of them has',
  },
})

export const MOUNT = declare({
  name: 'mount',
  about: 'show all files as a file system, each compared when it is opened',
  forms: ['DIR [options]'],
  operand: { name: 'DIR', completions: DIRECTORY },
  flags: { require: READ_REQUIRE },
  shared: [SOURCE],
  description: [
    'Mounts a read-only file system at DIR, an empty directory, until SIGINT, SIGTERM or umount ends it. It needs Linux with FUSE, and root. All files have the owner of DIR, and its permissions without those to write: who may read DIR may read the files.',
    'A file is compared when it is opened, and has that content for as long as it is open, or an error (EIO). A file whose copies differ cannot be opened, and beside it each copy has the name of the file, a dot, and the id of its replica. A file that a silent replica might have is an error too, and not missing.',
  ],
  examples: {
    'vouch mount /mnt/files': 'as root: the files of the coordinator on this machine',
    'vouch mount mnt --replica a=./a --replica b=http://192.168.1.102:6002':
      'with no coordinator: compare a directory with a replica server',
    'vouch mount /mnt/files --require all': 'refuse to read while some replica does not answer',
  },
  statuses: { 0: 'unmounted', 2: 'trouble: it could not be mounted' },
})
