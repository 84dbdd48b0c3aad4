import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { OLDEST_NODE, refuseNode } from './node-version.ts'

it('the oldest supported Node is the one in package.json', () => {
  const about = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  expect(JSON.parse(about)).toMatchObject({ engines: { node: `>=${OLDEST_NODE}` } })
})

it.each(['22.18.0', '22.20.1', '24.0.0', process.versions.node])('Node %s runs vouch', (version) => {
  expect(refuseNode(version)).toBeNull()
})

it.each(['20.20.2', '22.17.1', '22.9.0', '18.0.0', '8.18.0'])('Node %s is refused', (version) => {
  expect(refuseNode(version)).toContain(`this is Node ${version}`)
})

const VOUCH = fileURLToPath(new URL('vouch.ts', import.meta.url))

it('--version prints the version', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VOUCH, '--version'], { encoding: 'utf8' })
  expect([status, stdout, stderr]).toEqual([0, 'vouch 0.1.0\n', ''])
})

it('an older Node gets one line with the reason', () => {
  const older = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', older, VOUCH, '--version'])
  expect([status, String(stdout)]).toEqual([2, ''])
  expect(String(stderr)).toBe(`vouch: ${refuseNode('20.20.2')}\n`)
})
