import { describeProcesses } from './processes.suite.ts'

/** `-A`: what packages do at their start, and looking for `/proc/self/fd`, Deno lets nobody do who may not do all. */
const deno = [process.env['VOUCH_DENO'] ?? 'deno', 'run', '--node-modules-dir=manual', '-A']

describeProcesses('on Deno, over replica servers on Node', {
  coordinator: deno,
  hasDirectory: false,
  replica: [],
})
