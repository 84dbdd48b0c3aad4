import { runProgram } from './program.ts'

// The program of thread.test.ts.

const waiting = new Map<number, string>()

runProgram<string, string, string, string>((data, report) => ({
  answer(question, id) {
    report(`asked ${question}`)
    if (question === 'fail') throw new Error('it failed')
    // Out of reach of the handler that answers with errors.
    if (question === 'crash') process.nextTick(() => Promise.reject(new Error('it crashed')))
    if (question === 'waiting') return [...waiting.values()].join()
    if (!question.startsWith('wait')) return `${data} ${question}`
    waiting.set(id, question)
    return new Promise(() => {})
  },
  cancel: (id) => void waiting.delete(id),
  close: () => report('closed'),
}))
