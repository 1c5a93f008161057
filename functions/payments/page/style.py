"""How the page looks: on a screen of any width, by day and by night, and on paper."""

from payments.page.markup import Markup

STYLE = Markup("""
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #57606a; --paper: #ffffff;
  --card: #f3f5f7; --line: #d3d9df; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebee; --faint: #a3adb8; --paper: #14171a; --card: #1e2328; --line: #39414a;
    --bad: #ff9c8f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p { margin: .5rem 0; }
.bad { color: var(--bad); }
.faint { color: var(--faint); }
.end { margin-top: 2.25rem; font-size: .85em; }
.error { background: var(--card); border-left: .25rem solid var(--bad); padding: .75rem 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem 0 .4rem .75rem;
  border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; }
thead th { white-space: nowrap; }
th div { font-size: .85em; font-weight: 400; }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.totals { table-layout: fixed; max-width: 34rem; margin-top: 1.25rem; }
.totals th:nth-child(2) { width: 25%; }
.totals th:nth-child(3) { width: 37%; }
.totals tbody tr:last-child > * { border-bottom: 0; border-top: 2px solid var(--line);
  font-weight: 700; color: var(--ink); }
.rows td.key { min-width: 6rem; }
.rows td.number, .rows td.day { white-space: nowrap; }
.rows td.why { width: 45%; }
td p { margin: 0 0 .35rem; }
@media screen and (max-width: 40rem) {
  .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .rows, .rows tbody, .rows tr { display: block; }
  .rows tr { border: 1px solid var(--line); border-radius: .5rem; background: var(--card);
    padding: .5rem .75rem; margin: 0 0 .75rem; }
  .rows td, .rows td[class] { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr);
    width: auto; border: 0; padding: .15rem 0; text-align: left; white-space: normal; }
  .rows td::before { content: attr(data-label); color: var(--faint); }
  .rows td:empty { display: none; }
  .rows td.why > * { grid-column: 2; }
}
@media print {
  :root { color-scheme: light; --ink: #000000; --faint: #333333; --paper: #ffffff;
    --card: #ffffff; --line: #999999; --bad: #000000; }
  @page { margin: 15mm; }
  body { font-size: 9pt; }
  main { max-width: none; padding: 0; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; }
}
""")
