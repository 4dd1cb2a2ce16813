import { Html } from './html.ts';

/** Colours have the same meaning everywhere: blue and green are the environments, red is what went wrong. */
export const style = new Html(`
:root{color-scheme:light dark;--ink:#1a1f27;--dim:#667080;--rule:#d9dee6;--paper:#fff;--tile:#f5f7fa;--blue:#2f6fde;--green:#2d9a5b;--red:#cf3b3b;--amber:#b97a12}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#98a2b3;--rule:#333b47;--paper:#14181e;--tile:#1c222a;--blue:#6b9dff;--green:#55c484;--red:#ff7b72;--amber:#e0ab4c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1040px;padding:32px 24px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0}h2{font-size:16px;margin:32px 0 8px}
p{margin:4px 0}.dim,.axis{color:var(--dim);fill:var(--dim)}
.succeeded{color:var(--green)}.undone{color:var(--amber)}.frozen{color:var(--red)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:8px;margin:24px 0}
.tile{background:var(--tile);border-radius:6px;padding:10px 14px}.tile b{display:block;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
.good b{color:var(--green)}.bad b,td.bad{color:var(--red)}
figure{margin:16px 0 0}figcaption{font-size:13px}svg{display:block;width:100%;height:auto}
.axis{font-size:11px;font-family:system-ui,sans-serif}.grid{stroke:var(--rule);stroke-width:1}
.line{fill:none;stroke-width:1.6}.p50{opacity:.55}
.band{opacity:.75}.band.blue,.bar.blue{fill:var(--blue)}.band.green,.bar.green{fill:var(--green)}
.line.blue{stroke:var(--blue)}.line.green{stroke:var(--green)}.bar.failed{fill:var(--red)}.bar.errors{fill:var(--amber)}
.mark{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:4 3}.mark.back{stroke:var(--red)}.mark.weigh{stroke:var(--dim)}
.span{fill:transparent}.span:hover{fill:var(--ink);fill-opacity:.06}
.step{fill:var(--dim)}.step.done{fill:var(--green)}.step.undone{fill:var(--amber)}.step.failed,.step.stuck{fill:var(--red)}
.key{margin-left:14px;color:var(--dim)}.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
i.blue{background:var(--blue)}i.green{background:var(--green)}i.failed{background:var(--red)}i.errors{background:var(--amber)}i.p50{opacity:.55}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--rule)}th{font-weight:500;color:var(--dim)}
td.n,th.n{text-align:right}code{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
footer{margin-top:32px;font-size:13px;color:var(--dim)}
`);
