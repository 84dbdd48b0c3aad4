import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Release, STEPS } from './release-steps.ts'

const USAGE = `npm run release:check [-- --skip-tests]: walk the check list of docs/releasing.md, which publishes nothing

  --skip-tests   leave out the types, the lint and the tests, and say so

Exits with 0 when everything is as a release wants it, 1 otherwise.
`

const { values } = parseArgs({
  options: { 'skip-tests': { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } },
})
if (values.help) process.stdout.write(USAGE)
else process.exitCode = (await walk(values['skip-tests'])) ? 0 : 1

/** Runs all steps, also after one that fails; returns whether all passed. */
async function walk(isShort: boolean): Promise<boolean> {
  const release: Release = { scratch: await mkdtemp(join(tmpdir(), 'vouch-release-')) }
  let failures = 0
  try {
    for (const { title, isLong, check } of STEPS) {
      if (isLong && isShort) {
        console.log(`  SKIPPED  ${title}`)
        continue
      }
      const { ok, said } = await settle(() => check(release))
      if (!ok) failures++
      console.log(`${ok ? '       ok' : '   FAILED'}  ${title}${said === '' ? '' : `: ${said}`}`)
    }
  } finally {
    await rm(release.scratch, { recursive: true, force: true })
  }
  if (isShort) console.log('Without --skip-tests, what is SKIPPED is checked too.')
  console.log(failures === 0 ? 'Ready.' : `Not ready: ${failures} of ${STEPS.length} failed.`)
  return failures === 0
}

/** The remark of a step, or why it failed. */
async function settle(check: () => Promise<string>): Promise<{ ok: boolean; said: string }> {
  try {
    return { ok: true, said: await check() }
  } catch (error) {
    return { ok: false, said: error instanceof Error ? error.message : String(error) }
  }
}
