import type { Handler, Routes } from '../../http/app.ts'
import type { CoordinatorContext } from '../context.ts'
import type { PAGES } from './pages.ts'

/** The routes for browsers, whose pages are loaded by the first request for one. */
export function createPages(context: CoordinatorContext): Routes {
  const show = (page: keyof typeof PAGES): Handler => {
    return async (c) => (await import('./pages.ts')).PAGES[page](c, context)
  }
  return {
    '/': { get: show('tree') },
    '/check': { get: show('check') },
    '/compare/{name}': { get: show('file') },
    '/copy': { get: show('copy'), post: show('takeCopy') },
    '/restore/{name}': { get: show('restore'), post: show('takeRestore') },
    '/keep/{name}': { get: show('keep'), post: show('takeKeep') },
    '/assets/{name}': { get: show('asset') },
  }
}
