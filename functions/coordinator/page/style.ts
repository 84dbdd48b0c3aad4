/** The pages' style: system fonts, light or dark as the user prefers, from a width of 320 pixels. */
export const STYLE = `:root {
  color-scheme: light dark;
  --text: light-dark(#1b1f24, #e6e9ed);
  --soft: light-dark(#4a525c, #b3bbc5);
  --back: light-dark(#ffffff, #14171b);
  --raised: light-dark(#f3f5f7, #1e2329);
  --line: light-dark(#8a939e, #5d6670);
  --link: light-dark(#0b57b0, #8cbcff);
  --good: light-dark(#13632f, #7fd69b);
  --bad: light-dark(#a3161c, #ff9c97);
  --care: light-dark(#774400, #f1bf6a);
  --gone: light-dark(#ffe3e1, #4a1f1f);
  --come: light-dark(#dcf5e3, #173d24);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1rem 3rem; max-width: 72rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
}
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
main:focus, h2:focus { outline: none; }
.skip { position: absolute; left: -100vw; }
.skip:focus { position: static; display: inline-block; padding: .5rem; }
header { border-bottom: 1px solid var(--line); padding: .75rem 0; }
header a { display: inline-block; padding: .25rem .5rem .25rem 0; margin-inline-end: .75rem; }
.brand { font-weight: 700; }
[aria-current] { font-weight: 700; text-decoration: none; color: var(--text); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
.path, .filters { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem .75rem; margin: .5rem 0; padding: 0; }
.path li { max-width: 100%; overflow-wrap: anywhere; }
.path li:not(:first-child)::before { content: '/ '; color: var(--soft); }
.filters a, .button, button {
  display: inline-block; font: inherit; padding: .35rem .8rem; border: 1px solid var(--line); border-radius: .4rem;
  color: var(--link); background: var(--raised); text-decoration: none; cursor: pointer;
}
.filters [aria-current] { color: var(--text); border-color: var(--text); }
button.yes { color: var(--back); background: var(--link); border-color: var(--link); font-weight: 700; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: start; font-weight: 700; padding: .25rem 0; }
th, td { text-align: start; vertical-align: top; padding: .35rem .5rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { color: var(--soft); font-size: .9rem; overflow-wrap: normal; }
tbody th { font-weight: 400; }
small { color: var(--soft); display: block; }
code, .diff td, .hex { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.mark.unanimous { color: var(--good); }
.mark.conflict { color: var(--bad); font-weight: 700; }
.mark.incomplete, .mark.degraded, .mark.unknown, .warning { color: var(--care); }
.warning { border-inline-start: .25rem solid var(--care); padding-inline-start: .75rem; }
.outcome { font-size: 1.1rem; color: var(--good); }
.versions { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.version { border: 1px solid var(--line); border-radius: .5rem; padding: 0 1rem 1rem; min-width: 0; }
.version img { display: block; max-width: 100%; max-height: 30rem; margin: 1rem 0; background: #fff; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem .75rem; margin: 0 0 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.diff { table-layout: fixed; }
.diff td { white-space: pre-wrap; border: 0; padding: 0 .35rem; }
.diff .line { width: 3.5rem; color: var(--soft); text-align: end; overflow-wrap: normal; }
.diff del, .diff ins { text-decoration: none; }
.diff .gone { background: var(--gone); }
.diff .come { background: var(--come); }
.diff .same::before { content: '  '; }
.diff .gone::before { content: '- '; }
.diff .come::before { content: '+ '; }
.diff tbody + tbody { border-top: 1px solid var(--line); }
input:not([type=checkbox]) { font: inherit; width: 100%; max-width: 30rem; padding: .35rem; color: var(--text); background: var(--back); border: 1px solid var(--line); border-radius: .4rem; }
form { margin: 0; }
.graphs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 1rem 2rem; }
.graph { margin: 0; min-width: 0; }
.graph p { margin: 0; color: var(--soft); font-size: .9rem; }
.graph svg { display: block; width: 100%; height: 6rem; overflow: visible; border: solid var(--line); border-width: 0 0 1px 1px; }
.graph polyline { fill: none; stroke: var(--link); stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.graph .span { display: flex; justify-content: space-between; }
summary { cursor: pointer; padding: .25rem 0; color: var(--link); }
progress { width: 100%; max-width: 20rem; accent-color: var(--link); }
[hidden] { display: none !important; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 40rem) {
  .diff .line { width: 1.75rem; font-size: .65rem; padding: 0 .1rem; }
  th, td { padding-inline-end: .35rem; }
}
`
