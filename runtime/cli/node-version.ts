/** The oldest Node that vouch runs on, as in package.json. */
export const OLDEST_NODE = '22.18'

/** A message when this version of Node cannot run vouch; null when it can. */
export function refuseNode(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null
  return `this is Node ${version}, and vouch needs ${OLDEST_NODE} or later; 'npm install node@24' installs one for npx`
}
