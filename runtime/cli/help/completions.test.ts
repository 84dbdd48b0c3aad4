import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toFlags } from '../options/declaration.ts'
import { DECLARATIONS, SHELLS } from '../options/declarations.ts'
import { BUNDLE } from '../process.suite.ts'
import { createStage } from '../stage.suite.ts'

type Shell = (typeof SHELLS)[number]

/** Runs the command of this checkout, even if another `vouch` is installed. */
const VOUCH = `${quote(process.execPath)} ${quote(BUNDLE)}`

function isThere(program: string): boolean {
  // The script of other systems has no such option, and accepts none of the options used here.
  return spawnSync(program, ['--version']).status === 0
}

/** fish prints what it would complete; the others are asked on a terminal, which script makes. */
const testable = SHELLS.filter((shell) => isThere(shell) && (shell === 'fish' || isThere('script')))
for (const shell of SHELLS.filter((shell) => !testable.includes(shell)))
  console.warn(`NOT TESTED without ${shell}${shell === 'fish' ? '' : ' and script'}: its completions`)

/** A line up to where the key is pressed, and the last word of it then. */
const CASES: readonly (readonly [line: string, word: string])[] = [
  ['vouch che', 'check'],
  ['vouch comp', 'completions'],
  ['vouch --vers', '--version'],
  ['vouch get --repl', '--replica'],
  ['vouch get NAME --js', '--json'],
  ['vouch check --one', '--one-way'],
  ['vouch replica --wr', '--writable'],
  ['vouch help coo', 'coordinator'],
  ['vouch completions z', 'zsh'],
  ['vouch get --require maj', 'majority'],
  ['vouch get --require=maj', '--require=majority'],
  ['vouch coordinator --log js', 'json'],
  ['vouch apply pla', 'plan.json'],
  ['vouch apply with', 'with blank'],
  ['vouch replica sr', 'srv/'],
  ['vouch get -o pla', 'plan.json'],
  ['vouch get --output=pla', '--output=plan.json'],
  ['vouch get --index sr', 'srv/'],
  ['vouch get --replica a=sr', 'a=srv/'],
  ['vouch get --replica=a=sr', '--replica=a=srv/'],
  ['vouch get --replica a=srv/de', 'a=srv/deep/'],
  ['vouch get --replica a=sr --replica b=https', 'b=https://'],
  ['vouch plan --replica nas=http://x:1 --keep n', 'nas'],
  ['vouch restore f --replica=nas=/x --on n', 'nas'],
  ['vouch plan --for docs/=new', 'docs/=newest'],
  ['vouch plan --replica nas=http://x --for docs/=ke', 'docs/=keep:nas'],
  ['vouch config ch', 'check'],
  ['vouch check --config vouch.toml --cluster ho', 'home'],
]

const ASK: Readonly<Record<Shell, (lines: readonly string[], cwd: string) => string[]>> = {
  fish(lines, cwd) {
    const asked = lines.map((line) => `echo GOT (complete -C ${quote(line)} | string replace -r '\\t.*' '')`)
    return askShell(
      'fish',
      ['--no-config', '-c', [`function vouch; ${VOUCH} $argv; end`, 'source rc', ...asked].join('\n')],
      cwd,
      '',
    )
      .split('\n')
      .flatMap((line) => (line.startsWith('GOT') ? line.slice(4) : []))
  },
  bash: (lines, cwd) =>
    askTerminal('bash --noprofile --norc -i', ["bind 'set bell-style none'", 'source rc'], lines, cwd),
  zsh: (lines, cwd) =>
    askTerminal('zsh -d -f -i', ['autoload -Uz compinit; compinit -u -D', 'source rc'], lines, cwd),
}

/**
 * Types each line and the key that completes; the last word of the command then run. All is typed ahead, of
 * which a terminal holds 4,096 bytes.
 */
function askTerminal(
  shell: string,
  setup: readonly string[],
  lines: readonly string[],
  cwd: string,
): string[] {
  const stub = `vouch() { if [ "$1" = complete ]; then ${VOUCH} "$@"; else printf '<%s>' G OT "$@"; echo; fi; }`
  const typed = [...setup, stub, ...lines.map((line) => `${line}\t`), 'exit', ''].join('\n')
  const shown = askShell('script', ['-qec', shell, '/dev/null'], cwd, typed)
  return [...shown.matchAll(/<G><OT>.*<([^>]*)>/g)].map(([, word = '']) => word)
}

function askShell(program: string, args: readonly string[], cwd: string, input: string): string {
  const { TERM: _TERM, ...env } = process.env
  const { stdout } = spawnSync(program, args, {
    cwd,
    input,
    encoding: 'utf8',
    timeout: 100_000,
    env: { ...env, TERM: 'xterm', HISTFILE: '/dev/null', HOME: cwd },
  })
  return stdout
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}

/** A directory with a script for `shell` called rc, and something to complete. */
async function createPlace(shell: Shell): Promise<string> {
  const { cwd, run } = createStage()
  mkdirSync(join(cwd, 'srv/deep/er'), { recursive: true })
  for (const name of ['plan.json', 'with blank', 'srv/x']) writeFileSync(join(cwd, name), '')
  writeFileSync(join(cwd, 'vouch.toml'), '[cluster.home]\ncoordinator = "http://h"')
  const { status, stdout } = await run(['completions', shell])
  expect(status).toBe(0)
  writeFileSync(join(cwd, 'rc'), stdout)
  return cwd
}

test.each(testable)('%s completes commands, options, words, paths, targets and ids', async (shell) => {
  const cwd = await createPlace(shell)
  const lines = CASES.map(([line]) => line)
  const words = ASK[shell](lines, cwd)
  // zsh removes the slash behind a directory when the line is run.
  const bare = (word = '') => word.replace(/(\w)\/$/, '$1')
  const expected = CASES.map(([line, word]) => [line, bare(word)])
  expect(lines.map((line, i) => [line, bare(words[i])])).toEqual(expected)
})

test.each(testable)('%s offers nothing for values that only the user knows', async (shell) => {
  const cwd = await createPlace(shell)
  const lines = ['vouch get pla', 'vouch check --match pla', 'vouch get --replica sr', 'vouch nonsense --js']
  const words = ASK[shell](lines, cwd)
  // fish prints nothing, the others leave the word as it was.
  const last = lines.map((line) => line.slice(line.lastIndexOf(' ') + 1))
  expect(words).toEqual(shell === 'fish' ? last.map(() => '') : last)
})

test.runIf(testable.includes('zsh'))('zsh finds its completions in a directory of $fpath', async () => {
  const cwd = await createPlace('zsh')
  renameSync(join(cwd, 'rc'), join(cwd, '_vouch'))
  const setup = ['fpath=("$PWD" $fpath)', 'autoload -Uz compinit; compinit -u -D']
  const lines = ['vouch get --repl', 'vouch check --one']
  expect(askTerminal('zsh -d -f -i', setup, lines, cwd)).toEqual(['--replica', '--one-way'])
})

test.each(SHELLS)(
  'vouch complete lists every command and every option for the script of %s',
  async (shell) => {
    const ask = async (...words: string[]) => {
      const args = shell === 'bash' ? [`vouch ${words.join(' ')}`, '=:'] : words
      const { stdout } = await createStage().run(['complete', shell, ...args])
      return stdout.split('\n').map((line) => line.replace(/\t.*/, ''))
    }
    for (const declaration of DECLARATIONS) {
      expect(await ask('')).toContain(declaration.name)
      const offered = await ask(declaration.name, '--')
      for (const flag of Object.keys(toFlags(declaration))) expect(offered).toContain(`--${flag}`)
    }
  },
)

test('completions for bash are quoted, and replace only the last word', async () => {
  const { cwd, run } = createStage()
  for (const name of ['a b', "it's", '.hidden', 'new\nline']) writeFileSync(join(cwd, name), '')
  const ask = async (line: string) => (await run(['complete', 'bash', line, ' \t"\'=:'])).stdout
  expect(await ask('vouch apply ')).toBe("a\\ b\t\nit\\'s\t\n")
  expect(await ask('vouch apply a\\ ')).toBe('a\\ b\t\n')
  expect(await ask('vouch apply "a ')).toBe('a b\t\n')
  expect(await ask('vouch apply .')).toBe('.hidden\t\n')
  expect(await ask('vouch get --replica=x=http')).toBe('http://\t\nhttps://\t\n')
  expect(await ask('vouch get --replica x=http:')).toBe('//\t\n')
})
