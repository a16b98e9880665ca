"""Style sheets of the pages: for phones and wall displays, light and dark, screen and paper.

Text has a contrast of at least 4.5 to 1 in light and dark (WCAG 2.2, level AA); tests measure it.
"""

BASE = """
:root { color-scheme: light dark; --ground: #fff; --card: #f3f6f9; --ink: #1b1d20; --soft: #50565d;
  --line: #c9d0d7; --link: #005ea3; --mark: #0072b2; --warn: #8a3b00; --warn-ground: #fff3e6; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1f2429; --ink: #e9ebee;
  --soft: #aab3bc; --line: #454d55; --link: #86c5f7; --mark: #56b4e9; --warn: #ffc98f;
  --warn-ground: #33261a; } }
html { font-size: clamp(15px, 12px + .25vw, 26px); }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 68rem; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.3rem 0 .3rem; }
p, li { max-width: 46rem; overflow-wrap: anywhere; } p { margin: .5rem 0; }
a { color: var(--link); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--mark); outline-offset: 2px; }
.note { color: var(--soft); font-size: .9em; }
.finding { border-left: 4px solid var(--mark); padding: .3rem .9rem; background: var(--card); }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .92em; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th { text-align: left; vertical-align: bottom; white-space: pre-line;
  border-bottom: 2px solid var(--soft); padding: .25rem .8rem .25rem 0; }
td { border-bottom: 1px solid var(--line); padding: .22rem .8rem .22rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; } td:first-child:has(~ td.number) { min-width: 9rem; }
td.soft, th.soft { color: var(--soft); }
ol.notes { color: var(--soft); font-size: .85em; margin: 0 0 1.4rem; padding-left: 1.6rem; }
ol.notes li { margin: 0; max-width: 52rem; }
summary { cursor: pointer; color: var(--link); margin: .8rem 0; }
code { overflow-wrap: anywhere; }
pre { background: var(--card); padding: .8rem; overflow-x: auto; }
img { max-width: 100%; height: auto; background: #fff; }
@page { margin: 15mm; }
@media print { :root { color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --soft: #444;
    --line: #bbb; --link: #000; --mark: #0072b2; --warn: #5c2700; --warn-ground: #fff; }
  html { font-size: 10pt; } body { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } figure, tr, img, .number-card { break-inside: avoid; }
  .screen { display: none; } a { text-decoration: none; } }
"""

FIRST = """
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.badge { display: inline-block; color: var(--warn); background: var(--warn-ground);
  border: 1px solid var(--warn); border-radius: .3rem; padding: .1rem .6rem; font-weight: 600; }
.verdict { font-size: 1.2rem; line-height: 1.45; max-width: 50rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr));
  gap: .8rem; padding: 0; margin: 1.2rem 0; list-style: none; }
.number-card { background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .7rem .9rem; margin: 0; }
.number-card strong { display: block; font-size: 1.75rem; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.number-card p { margin: 0 0 .25rem; } .number-card .what { font-weight: 600; line-height: 1.3; }
.whole { white-space: nowrap; } .number-card .note { font-size: .82em; line-height: 1.4; }
.beside { display: grid; grid-template-columns: minmax(0, 1.05fr) minmax(0, 1fr); gap: 1.6rem;
  align-items: start; }
figure { margin: .6rem 0; } figcaption { color: var(--soft); font-size: .88em; margin-top: .3rem; }
.beside figure img { width: 100%; } .strips figure img { width: 100%; background: #000; }
.strips { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.columns { columns: 2 22rem; column-gap: 2.5rem; padding-left: 1.1rem; }
.columns li { break-inside: avoid; overflow-wrap: anywhere; }
@media (max-width: 60rem) { .numbers { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 46rem) {
  .numbers { grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); }
  .beside, .strips { grid-template-columns: minmax(0, 1fr); }
  dl { grid-template-columns: minmax(0, 1fr); } dd { margin-bottom: .4rem; } }
@media print { .beside { grid-template-columns: 84mm 1fr; } .strips { gap: 3mm;
    grid-template-columns: repeat(3, 1fr); } .numbers { grid-template-columns: repeat(5, 1fr);
    gap: 2mm; } .number-card strong { font-size: 13pt; } }
"""
