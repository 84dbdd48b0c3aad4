import { parse } from '../../../functions/wire/json/parse.ts'
import { policy, type Rule } from '../../../functions/wire/schemas/policy.ts'
import { FILE, type Kind, list, option, TEXT, toggle } from '../../hosting/flag.ts'
import { GLOB_FLAGS, MAX_AGE, SINGLE } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'
import { RANGE_FLAGS } from './parts.ts'
import { SOURCE } from './source.ts'

/** The id of a replica, which may be named on the line. */
const ID = { ...TEXT, ids: '' }

export const EXPLAIN = declare({
  name: 'explain',
  about: 'show how the copies of a file differ; which of them is right is your decision',
  forms: ['NAME [options]'],
  operand: { name: 'NAME' },
  flags: {
    maxAge: MAX_AGE,
    single: SINGLE,
    json: toggle('print one object, in one line of JSON'),
  },
  shared: [SOURCE],
  description: [
    'Prints what each replica holds, since when, and how its digest is known: from bytes read now or earlier, or from the checksum of the store; which replicas hold which version; and where each version begins to differ from the first, with a diff of texts of at most 1 MiB. Offsets count bytes from 0; times are local, in JSON UTC.',
  ],
  examples: {
    'vouch explain notes.txt': 'the holders of each version, and a diff',
    'vouch explain photos/cat.jpg --json | jq .versions': 'the versions for a program',
  },
  statuses: {
    0: 'all are the same',
    1: 'some differ or are missing',
    2: 'trouble: no replica has it, or some replica did not answer',
  },
})

/** `PREFIX=POLICY`; the prefix may hold further equals signs. */
const RULE: Kind<Rule> = {
  rule: 'PREFIX=POLICY',
  parts: 'POLICY is keep:ID, newest, majority, repair or fill-missing',
  parse(text) {
    const [, prefix = '', word = ''] = /^(.*)=([^=]*)$/su.exec(text) ?? []
    const parsed = parse(policy, word.startsWith('keep:') ? { keep: word.slice('keep:'.length) } : word)
    return parsed.success ? { prefix, policy: parsed.output } : null
  },
  ...{ behindEquals: true, words: ['newest', 'majority', 'repair', 'fill-missing'], ids: 'keep:' },
}

export const PLAN = declare({
  name: 'plan',
  about: 'plan what to copy where; nothing is written',
  forms: ['[PREFIX] [options] > plan.json'],
  operand: { name: 'PREFIX' },
  flags: {
    ...GLOB_FLAGS,
    keep: option('ID', ID, 'where copies differ, keep the copy of this replica'),
    newest: toggle('where copies differ, keep the one modified last'),
    majority: toggle('where copies differ, keep the one held by more than half of the replicas'),
    repair: toggle(
      'where copies differ only because some have rotted, keep the sound one; with what vouch verify and check --deep have found, or --max-age 0 to read every byte now',
    ),
    for: list(
      'PREFIX=POLICY',
      RULE,
      'the same, only for names that begin with PREFIX: keep:ID, newest, majority, repair or fill-missing; once for each, the longest prefix counts',
    ),
    ...RANGE_FLAGS,
    moves: toggle(
      'move a file that was renamed on some replicas on the others too, instead of copying it: the new name is kept, as check prints it behind the arrow; with --keep ID that of ID, with --majority that of more than half of the replicas',
    ),
    maxAge: MAX_AGE,
    single: SINGLE,
    json: toggle('changes nothing: a plan is JSON'),
  },
  shared: [SOURCE],
  description: [
    'Prints a plan in JSON, one step a line, to review, cut down, and pass to vouch apply. Files that are missing on some replica are copied there. Where copies differ, nothing is planned unless an option chooses which to keep. Nothing is deleted, and with --moves alone a name goes away: its file then has the other name.',
  ],
  examples: {
    'vouch plan > plan.json': 'copy the files that are missing somewhere',
    'vouch plan --newest --for docs/=keep:server1 > plan.json': 'and choose a copy where they differ',
    'vouch plan --moves > plan.json': 'and rename what was renamed elsewhere',
    'vouch plan --repair > plan.json': 'write sound copies over those that vouch verify found rotten',
  },
  statuses: {
    0: 'nothing to do',
    1: 'the plan has steps',
    2: 'trouble: some could not be compared, or no name matched',
  },
})

export const APPLY = declare({
  name: 'apply',
  about: 'do exactly the steps of a plan made by vouch plan',
  forms: ['PLAN [options]'],
  operand: { name: 'PLAN', completions: FILE },
  flags: {
    writable: toggle('with --replica: write to these directories and replica servers'),
    json: toggle('print a line of JSON for each step, and one at the end'),
  },
  shared: [SOURCE],
  description: [
    'PLAN is a file, or - for standard input. Each step is done only if every replica still holds what the plan saw; otherwise it is skipped and reported. Replaced contents are kept on their replica for vouch restore. After an interruption run apply again: steps that are done are passed over.',
  ],
  examples: {
    'vouch apply plan.json': 'through a coordinator started with --writable',
    'vouch apply plan.json --replica disk=/srv/files --replica nas=/mnt/nas --writable':
      'with no coordinator',
  },
  statuses: {
    0: 'every step is done',
    1: 'some were skipped because a copy had changed',
    2: 'trouble',
  },
})

export const RESOLVE = declare({
  name: 'resolve',
  about: 'merge the versions of a file whose copies differ, and plan the result',
  forms: ['NAME [-o DIR] [options] > plan.json', 'NAME --edited [-o DIR] [options] > plan.json'],
  operand: { name: 'NAME' },
  flags: {
    output: option(
      'DIR',
      FILE,
      'where the result is written, under its name; made when it is missing, outside the replicas',
      { short: 'o', otherwise: 'resolved' },
    ),
    edited: toggle('plan the result that an earlier run left in DIR, as you have edited it'),
    json: toggle('changes nothing: a plan is JSON'),
  },
  shared: [SOURCE],
  description: [
    'Opens the versions in the program of MERGETOOL, and prints a plan in JSON that writes the result over each copy, for vouch apply. Nothing else is written to any replica, and apply keeps what it replaces. A result that is one of the versions is planned from its holder. Any other is held by no replica: give apply the directory too, with --replica resolved=DIR.',
    'MERGETOOL is a shell command, as mergetool.NAME.cmd of git: LOCAL and REMOTE are the paths of the two versions, BASE that of an empty file, since no common ancestor is known, and MERGED is where the result must be: meld "$LOCAL" "$REMOTE" -o "$MERGED".',
    'With more than two versions there are no LOCAL and REMOTE: "$@" are the paths of all versions, in the order of their replicas: vim -d "$MERGED" "$@". Its standard output goes to standard error. It must not end before the result is written: an editor such as code needs its option --wait.',
    'Before it starts, MERGED has what git merge-file makes of two texts: what both have in common, and each difference twice between marks (<<<<<<<). Without MERGETOOL that is all: edit the result, and run resolve again with --edited. It plans nothing while marks are left, or when the copies are no longer those that the result was made of.',
    'A coordinator elsewhere cannot read the result from this machine: with --coordinator only one of the versions can be planned.',
  ],
  examples: {
    'vouch resolve notes.txt --replica a=./a --replica b=./b > plan.json':
      'then vouch apply plan.json with these and --replica resolved=./resolved --writable',
    'vouch resolve notes.txt --edited --cluster home > plan.json':
      'once the marks in resolved/notes.txt are edited away',
  },
  statuses: {
    0: 'the plan is printed, or the copies do not differ',
    1: 'not resolved: marks are left in the result, or MERGETOOL made none',
    2: 'trouble: no replica has it, or some replica did not answer',
  },
})

const DIGEST: Kind<string> = {
  rule: 'up to 64 hexadecimal digits in lower case',
  parse: (text) => (/^[0-9a-f]{0,64}$/.test(text) ? text : null),
}

export const RESTORE = declare({
  name: 'restore',
  about: 'list the replaced contents, and put one back',
  forms: ['[NAME] [options]', 'NAME --on ID [--digest PREFIX] [options]'],
  operand: { name: 'NAME' },
  flags: {
    on: option('ID', ID, 'put NAME back on this replica'),
    digest: option(
      'PREFIX',
      DIGEST,
      'how its digest begins; may be left out where ID keeps only one content of NAME',
    ),
    writable: toggle('with --replica and --on: write to that directory or replica server'),
    json: toggle('print a line of JSON for each'),
  },
  shared: [SOURCE],
  description: [
    'Without --on it lists the replaced contents that replicas keep, of all names or of NAME. A content is put back only over what the replica holds just before; the content that it replaces is kept in turn, and it stays kept itself. Times are local, in JSON UTC.',
  ],
  examples: {
    'vouch restore': 'list all kept contents',
    'vouch restore notes.txt --on server2 --digest 3f0a': 'put one of its contents back',
  },
  statuses: {
    0: 'listed, or put back',
    1: 'skipped because the copy changed in the meantime',
    2: 'trouble',
  },
})
