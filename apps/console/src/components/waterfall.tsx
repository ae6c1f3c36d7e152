import type { ResponseFact } from '@semcast/console-messages';
import { useEffect, useRef } from 'preact/hooks';
import { colourOf, type Theme } from '../theme.js';
import { fitCanvas, useWidth } from './canvas.js';

/** Frames that it goes back. */
const ROWS = 48;
const HEIGHT = 96;
/** Least and most of the scale of colours, dB: that of the spectrum. */
const RANGE_DB = [-30, 10] as const;

/** Spectra of the newest frames, the newest at the top: power by colour. */
export function Waterfall({ response, theme }: { readonly response: ResponseFact | null; readonly theme: Theme }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  const rows = useRef<{ readonly frame: number; readonly decibels: readonly number[] }[]>([]);
  useEffect(() => {
    const decibels = response?.spectrumDb ?? null;
    if (response !== null && decibels !== null && rows.current[0]?.frame !== response.frame) {
      rows.current = [{ frame: response.frame, decibels }, ...rows.current].slice(0, ROWS);
    }
    const drawing = canvas.current === null || width === 0 ? null : fitCanvas(canvas.current, width, HEIGHT);
    if (drawing === null) {
      return;
    }
    const [low, high] = RANGE_DB;
    const colours = [colourOf('panel'), colourOf('extra'), colourOf('text')] as const;
    const rowHeight = HEIGHT / ROWS;
    for (const [row, { decibels: values }] of rows.current.entries()) {
      const cell = width / values.length;
      for (const [i, value] of values.entries()) {
        const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
        drawing.globalAlpha = 1;
        drawing.fillStyle = colours[0];
        drawing.fillRect(i * cell, row * rowHeight, cell + 1, rowHeight + 0.5);
        // From the ground over the colour of the spectrum to that of text.
        drawing.globalAlpha = share < 0.75 ? share / 0.75 : 1;
        drawing.fillStyle = colours[1];
        drawing.fillRect(i * cell, row * rowHeight, cell + 1, rowHeight + 0.5);
        if (share > 0.75) {
          drawing.globalAlpha = (share - 0.75) / 0.25;
          drawing.fillStyle = colours[2];
          drawing.fillRect(i * cell, row * rowHeight, cell + 1, rowHeight + 0.5);
        }
      }
    }
    drawing.globalAlpha = 1;
  }, [response, width, theme]);
  return (
    <figure class="waterfall" data-scope="waterfall" data-rows={rows.current.length}>
      <canvas ref={canvas} role="img" aria-label={`waterfall: the spectra of the last ${ROWS} frames`} />
      <figcaption>
        <span class="title">Waterfall</span>
        <span class="figures">last {ROWS} frames, newest at the top</span>
      </figcaption>
    </figure>
  );
}
