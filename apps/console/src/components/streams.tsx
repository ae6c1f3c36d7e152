import type { StreamRow } from '@semcast/console-messages';
import { durationText, figure, NONE, receiverSnr } from '../format.js';

function snrText(row: StreamRow): string {
  const { name, snrDb } = receiverSnr(row);
  return snrDb === null ? NONE : `${figure(snrDb)} dB ${name}`;
}

/** What the receiver decodes, by stream. */
export function Streams({ rows }: { readonly rows: readonly StreamRow[] }) {
  return (
    <section class="panel streams" aria-label="streams">
      <div class="bar">
        <h2>
          Streams <small>{rows.length}</small>
        </h2>
      </div>
      {rows.length === 0 ? (
        <p class="nothing">No stream is linked to the receiver.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">stream</th>
                <th scope="col">decoder</th>
                <th scope="col">CSI</th>
                <th scope="col" class="number">
                  frames
                </th>
                <th scope="col" class="number">
                  per s
                </th>
                <th scope="col" class="number">
                  SNR
                </th>
                <th scope="col" class="number">
                  residual
                </th>
                <th scope="col" class="number">
                  receiver
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.stream} class={row.linked ? '' : 'unlinked'}>
                  <th scope="row" title={`${row.agent} ${row.remoteAddress}`}>
                    {row.stream}
                    {row.linked ? '' : ' (no link)'}
                  </th>
                  <td>{row.decoder}</td>
                  <td>{row.csi}</td>
                  <td class="number">{row.frames}</td>
                  <td class="number">{figure(row.framesPerSecond)}</td>
                  <td class="number">{snrText(row)}</td>
                  <td class="number">{figure(row.residual, 2)}</td>
                  <td class="number">{durationText(row.totalMs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
