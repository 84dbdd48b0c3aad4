import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { OLDEST_NODE, refuseNode } from './node-version.ts'

it('the oldest Node is the one that the package names', () => {
  const about = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  expect(JSON.parse(about)).toMatchObject({ engines: { node: `>=${OLDEST_NODE}` } })
})

it.each(['22.18.0', '22.20.1', '24.0.0', process.versions.node])('Node %s runs vouch', (version) => {
  expect(refuseNode(version)).toBeNull()
})

it.each(['20.20.2', '22.17.1', '22.9.0', '18.0.0', '8.18.0'])('Node %s does not', (version) => {
  expect(refuseNode(version)).toContain(`this is Node ${version}`)
})

it('who starts it on an older one is told so in a line, and no more', () => {
  const older = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`
  const vouch = fileURLToPath(new URL('vouch.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', older, vouch, '--version'])
  expect([status, String(stdout)]).toEqual([2, ''])
  expect(String(stderr)).toBe(`vouch: ${refuseNode('20.20.2')}\n`)
})
