import type { Command } from './command.ts'
export const completions: Command = {
  async run() {
    return 0
  },
}
