import type { Cluster } from './cluster.ts'
import type { Ran } from './installed.ts'

/** A request to the three processes, and its expected result. */
export interface Step {
  readonly title: string
  readonly args: readonly string[]
  readonly status: number
  readonly stdout?: RegExp
  readonly stderr?: RegExp
}

/**
 * What the sample files show: a file the same on both, different, on one only, on neither; and the whole of
 * them.
 */
export const STEPS: readonly Step[] = [
  {
    title: 'gets what both hold alike',
    args: ['get', 'file1.txt'],
    status: 0,
    stderr: /unanimous: server1, server2/,
  },
  {
    title: 'gets both versions where they differ',
    args: ['get', 'file2.txt'],
    status: 1,
    stderr: /conflict/,
  },
  { title: 'gets what one lacks', args: ['get', 'file3.txt'], status: 0, stderr: /incomplete/ },
  {
    title: 'finds nothing where neither has it',
    args: ['get', 'file4.txt'],
    status: 2,
    stderr: /file4\.txt/,
  },
  { title: 'checks the trees', args: ['check'], status: 1, stdout: /^\* file2\.txt$/m },
  { title: 'shows how two versions differ', args: ['explain', 'file2.txt'], status: 1, stdout: /server2/ },
  { title: 'plans what to copy', args: ['plan'], status: 1, stdout: /"file3\.txt"/ },
]

/** Why the result of a step is not the expected one; null when it is. */
export function toFault({ status, stdout, stderr }: Step, ran: Ran): string | null {
  const ok = ran.status === status && (stdout?.test(ran.stdout) ?? true) && (stderr?.test(ran.stderr) ?? true)
  if (ok) return null
  return `ended with ${ran.status} where ${status} is right, and said:\n${ran.stdout}${ran.stderr}`
}

/** Runs all steps; resolves with the faults, a text each. */
export async function walkScenario(cluster: Cluster): Promise<string[]> {
  const faults: string[] = []
  for (const step of STEPS) {
    const fault = toFault(step, await cluster.ask(step.args))
    if (fault !== null) faults.push(`vouch ${step.args.join(' ')} ${fault}`)
  }
  return faults
}
