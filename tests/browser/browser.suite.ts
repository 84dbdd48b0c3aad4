import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** What each replica holds, by name. */
export type Tree = Readonly<Record<string, string | Uint8Array>>

/** Replicas and a coordinator over them, as real processes that take writes. */
export interface Cluster {
  readonly url: string
  /** Writes a file of a replica directly, without vouch. */
  write(id: string, name: string, content: string | Uint8Array): void
  stop(): Promise<void>
}

/**
 * Starts a directory that the coordinator reads itself, and a replica server for each tree after the first.
 */
export async function startCluster(
  trees: Readonly<Record<string, Tree>>,
  flags: readonly string[] = ['--open', '--writable'],
): Promise<Cluster> {
  const { path: root, remove } = createTemporaryDirectory('vouch-browser-')
  const servers: ServerProcess[] = []
  const write: Cluster['write'] = (id, name, content) => {
    const path = join(root, id, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  const index = ['--index', join(root, 'index')]
  const words: string[] = []
  for (const [i, [id, tree]] of Object.entries(trees).entries()) {
    mkdirSync(join(root, id))
    for (const [name, content] of Object.entries(tree)) write(id, name, content)
    if (i > 0)
      servers.push(await startServer(['replica', id, '--id', id, '--open', '--writable', ...index], root))
    words.push('--replica', `${id}=${servers.at(-1)?.url ?? join(root, id)}`)
  }
  const args = ['coordinator', '--single', ...words, ...flags, ...index]
  const coordinator = await startServer(args, root)
  return {
    url: coordinator.url,
    write,
    async stop() {
      for (const server of [coordinator, ...servers]) await server.stop()
      remove()
    },
  }
}

/** Uses the element with that accessible name. */
export type Activate = (page: Page, role: 'link' | 'button', name: string) => Promise<void>

export async function click(page: Page, role: Parameters<Activate>[1], name: string): Promise<void> {
  await page.getByRole(role, { name }).last().click()
}

/** Presses Tab until it has the focus, which must be visible, and then Enter. */
export async function press(page: Page, role: Parameters<Activate>[1], name: string): Promise<void> {
  const wanted = page.getByRole(role, { name }).last()
  for (let presses = 0; presses < MOST_PRESSES; presses++) {
    await page.keyboard.press('Tab')
    // As text, since the types of a browser are not available here.
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')
    if (!(await wanted.evaluate((element) => element.matches(':focus')))) continue
    if (outline !== 'solid') throw new Error(`${name} has no visible focus`)
    return await page.keyboard.press('Enter')
  }
  throw new Error(`no press of Tab leads to ${name}`)
}

/** A page of a folder has a hundred links. */
const MOST_PRESSES = 200

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Serious accessibility findings of axe, by all its rules or some of them: the rule, and where. */
export async function runAxe(page: Page, options: { runOnly?: string[] } = {}): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(AXE)
  // Of what passes, it describes only the first element, and none of it crosses to this process.
  const run = JSON.stringify({ ...options, resultTypes: ['violations'] })
  // The script put `axe` there.
  const violations = (await page.evaluate(
    `axe.run(${run}).then(({ violations }) => violations)`,
  )) as AxeResults['violations']
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id} ${html}`))
}
