import type { Receipt } from '../../core/receipt.ts';
import { duration } from '../render/words.ts';
import { left, timeScale, width } from './chart.ts';
import { html, type Html } from './html.ts';
import { round } from './scale.ts';

const rowHeight = 20;

/** When each step ran, a row for each, on the time scale of the charts above; and the axis of all of them. */
export function stepsChart({ steps }: Receipt, from: number, to: number): Html {
  const x = timeScale(from, to);
  const rows = steps.map(({ kind, status, startedAt, ms }, index) => {
    const y = index * rowHeight;
    const name = html`<text class="axis" x="${left - 8}" y="${y + 14}" text-anchor="end">${kind}</text>`;
    if (startedAt === null) return name;
    const a = Math.min(x(startedAt), width - 14);
    const b = x(startedAt + (ms ?? 0));
    const text = ms === null ? status : duration(ms);
    // Beside the bar, on the side that has room.
    const roomy = b < width - 120;
    const said = html`<text
      class="axis"
      x="${round(roomy ? Math.max(a + 3, b) + 6 : a - 6)}"
      y="${y + 14}"
      text-anchor="${roomy ? 'start' : 'end'}"
      >${text}</text
    >`;
    return html`${name}<rect
        class="step ${status}"
        x="${a}"
        y="${y + 4}"
        width="${round(Math.max(3, b - a))}"
        height="${rowHeight - 8}"
        rx="2"
        ><title>${kind}: ${status}, ${text}</title></rect
      >${said}`;
  });
  const height = steps.length * rowHeight + 20;
  const moments = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = from + share * (to - from);
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    return html`<text class="axis" x="${x(at)}" y="${height - 4}" text-anchor="${anchor}"
      >+${duration(at - from)}</text
    >`;
  });
  return html`<figure>
    <figcaption><b>steps</b></figcaption>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="when each step ran">${rows}${moments}</svg>
  </figure>`;
}
