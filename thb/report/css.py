"""The style of our tables, sent along with each so that a notebook opened alone looks like the book."""

CSS = """
.thb { --thb-line: #d5d9de; --thb-soft: #5b626b; --thb-head: #f1f3f5; --thb-back: #ffffff; --thb-ink: #1b1f24;
  --thb-excellent: #9ccae9; --thb-good: #d3e7f5; --thb-reasonable: #f0f0ea; --thb-fair: #fde3bd;
  --thb-poor: #f8bf8c; }
html[data-theme="dark"] .thb, [data-jp-theme-light="false"] .thb { --thb-line: #454b53; --thb-soft: #a9b1ba;
  --thb-head: #262b31; --thb-back: #14181e; --thb-ink: #e6e9ec; --thb-excellent: #1c5a8f; --thb-good: #2b4a64;
  --thb-reasonable: #3d4145; --thb-fair: #6a4d20; --thb-poor: #8a4610; }
.thb { color: var(--thb-ink); font-size: .875rem; line-height: 1.35; }
.thb .thb-scroll { overflow-x: auto; margin: .4rem 0 1rem; border: 1px solid var(--thb-line);
  border-radius: 6px; }
.thb table { border-collapse: collapse; width: 100%; margin: 0; font-size: .8125rem; color: inherit;
  background: var(--thb-back); font-variant-numeric: tabular-nums; }
.thb caption { caption-side: top; text-align: left; padding: .5rem .6rem; color: inherit; font-weight: 600; }
.thb small { font-size: .85em; font-weight: 400; color: var(--thb-soft); }
.thb th, .thb td { padding: .28rem .45rem; text-align: right; border: 0; background: none;
  white-space: nowrap; vertical-align: top; color: inherit; }
.thb thead th { background: var(--thb-head); font-weight: 600; vertical-align: bottom; white-space: normal; }
.thb table:not(.sortable) th, .thb table:not(.sortable) td { text-align: left; }
.thb th:first-child { text-align: left; position: sticky; left: 0; background: var(--thb-back); z-index: 1; }
.thb thead th:first-child { background: var(--thb-head); }
.thb th.text { text-align: left; }
.thb td.text { text-align: left; white-space: normal; min-width: 9rem; text-wrap: balance; }
.thb .wrap { display: inline-block; white-space: normal; min-width: 13rem; }
.thb td.which { text-align: left; color: var(--thb-soft); }
.thb tbody { border-top: 1px solid var(--thb-line); }
.thb tbody.control { border-top: 3px double var(--thb-soft); }
.thb tbody.control + tbody.control { border-top: 1px solid var(--thb-line); }
.thb tr.printed td, .thb tr.printed th { padding-top: 0; font-size: .75rem; color: var(--thb-soft); }
.thb tr.printed td.classed { color: var(--thb-ink); }
.thb tr.total td, .thb tr.total th { font-weight: 600; }
.thb td b, .thb td.best { font-weight: 700; }
.thb td.best span.n { border-bottom: 2px solid currentColor; }
.thb .ci { display: none; font-size: .6875rem; font-weight: 400; color: inherit; opacity: .85; }
.thb input.ci-on:checked ~ .thb-scroll .ci { display: block; }
.thb label.ci-on { cursor: pointer; user-select: none; }
.thb .thb-legend, .thb .thb-notes { color: var(--thb-soft); font-size: .8125rem; margin: .4rem 0; }
.thb .thb-notes { padding-left: 1.1rem; }
.thb .thb-chip { display: inline-block; padding: 0 .45rem; margin: .1rem 0; border-radius: 4px;
  color: var(--thb-ink); }
.thb .thb-excellent { background: var(--thb-excellent); } .thb .thb-good { background: var(--thb-good); }
.thb .thb-reasonable { background: var(--thb-reasonable); } .thb .thb-fair { background: var(--thb-fair); }
.thb .thb-poor { background: var(--thb-poor); }
.thb .unknown { color: var(--thb-soft); }
.thb button.sort { all: unset; cursor: pointer; font-weight: 600; }
.thb button.sort:focus-visible { outline: 2px solid #0072B2; outline-offset: 2px; }
.thb th[aria-sort="ascending"] button.sort::after { content: " ▲"; font-size: .65em; }
.thb th[aria-sort="descending"] button.sort::after { content: " ▼"; font-size: .65em; }
.thb .holds { color: #00704f; font-weight: 600; } .thb .fails { color: #b34700; font-weight: 600; }
html[data-theme="dark"] .thb .holds { color: #4fd0a5; }
html[data-theme="dark"] .thb .fails { color: #ff9d57; }
""".strip()
