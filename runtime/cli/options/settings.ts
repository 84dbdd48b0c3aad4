import { CONFIG as CONFIG_FLAG } from '../../hosting/flags.ts'
import { declare } from './declaration.ts'

export const CONFIG = declare({
  name: 'config',
  about: 'check the settings file, and print what it says',
  forms: ['check [--config FILE]'],
  operand: { name: 'check', completions: { words: ['check'] } },
  flags: { config: CONFIG_FLAG },
  shared: [],
  description: [
    'The settings file names clusters, each with its replicas or its coordinator, its tokens, its certificates, and the names that nobody compares. vouch coordinator, and every command that asks one, takes the cluster that --cluster names, or the only one. Flags win over the environment, and the environment over the file. docs/settings.md has an example with all keys.',
    'Prints the keys of each cluster, with paths as they are found from the directory of the file, and reads the tokens, certificates and public keys that they name, of which it prints nothing.',
  ],
  examples: {
    'vouch config check': 'the file that the other commands would read',
    'vouch config check --config /etc/vouch/vouch.toml': 'this one',
  },
  statuses: { 0: 'every key is valid', 2: 'trouble, with the line or the key' },
})
