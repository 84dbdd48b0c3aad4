import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import ts from '@typescript/typescript6'

// Preloaded into a server by returns.ts: notes the file of each function that the main thread enters, in
// order, and writes them to VOUCH_RETURNS at SIGUSR2.

const { VOUCH_RETURNS = '', VOUCH_ROOT = '' } = process.env
const entered: string[] = []

Object.assign(globalThis, { noteEntered: (file: string) => void entered.push(file) })
if (isMainThread) process.on('SIGUSR2', () => writeFileSync(VOUCH_RETURNS, JSON.stringify(entered.splice(0))))

registerHooks({
  load(url, context, nextLoad) {
    const file = url.startsWith('file:') ? fileURLToPath(url).replace(`${VOUCH_ROOT}/`, '') : ''
    if (!/^(functions|runtime)\/.*\.ts$/.test(file)) return nextLoad(url, context)
    const { source } = nextLoad(url, { ...context, format: 'module' })
    const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array)
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ESNext,
        verbatimModuleSyntax: true,
      },
      transformers: { before: [noteEach(file)] },
    })
    return { format: 'module', source: outputText, shortCircuit: true }
  },
})

/** Has each function call `noteEntered` first. */
function noteEach(file: string): ts.TransformerFactory<ts.SourceFile> {
  return (context) => {
    const { factory } = context
    const call = () =>
      factory.createCallExpression(factory.createIdentifier('noteEntered'), undefined, [
        factory.createStringLiteral(file),
      ])
    const addCall = (body: ts.ConciseBody) =>
      ts.isBlock(body)
        ? factory.updateBlock(body, [factory.createExpressionStatement(call()), ...body.statements])
        : factory.createParenthesizedExpression(factory.createComma(call(), body))
    const visit: ts.Visitor = (node) => {
      const visited = ts.visitEachChild(node, visit, context)
      if (!isNoted(visited)) return visited
      return ts.visitEachChild(
        visited,
        (child) => (child === visited.body ? addCall(visited.body) : child),
        context,
      )
    }
    return (source) => ts.visitEachChild(source, visit, context)
  }
}

/** A function with a body, but for those of accessors and constructors. */
function isNoted(node: ts.Node): node is ts.FunctionLikeDeclaration & { readonly body: ts.ConciseBody } {
  const isFunction =
    ts.isArrowFunction(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isFunctionExpression(node)
  return isFunction && node.body !== undefined
}
