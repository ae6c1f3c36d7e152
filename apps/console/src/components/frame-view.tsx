import type { FrameRecord, GalleryEntry, PictureStage } from '@semcast/console-messages';
import { useEffect, useState } from 'preact/hooks';
import { allMetrics } from '../metrics.js';
import { clock, figure, metric, photoName } from '../format.js';
import { Dialog } from './dialog.js';
import { snrText } from './gallery.js';

const TITLES: Readonly<Record<PictureStage, string>> = {
  original: 'Original',
  preview: 'Quick decode',
  intermediate: 'On the way',
  final: 'Received',
  digital: 'Digital link',
};

const OK = 200;

/** A frame of the past: its pictures in full size, its settings, and both to be downloaded. */
export function FrameView({ entry, onClose }: { readonly entry: GalleryEntry; readonly onClose: () => void }) {
  const path = `/frames/${entry.id}`;
  const [record, setRecord] = useState<FrameRecord | 'gone' | null>(null);
  useEffect(() => {
    void fetch(path)
      .then(async (response) => (response.status === OK ? ((await response.json()) as FrameRecord) : 'gone'))
      .catch(() => 'gone' as const)
      .then(setRecord);
  }, [path]);
  return (
    <Dialog class="frame" label={`frame ${entry.frame}`} onClose={onClose}>
      {record === null ? (
        <p aria-busy="true">loading …</p>
      ) : record === 'gone' ? (
        <p>This frame is too old: newer ones have taken its place.</p>
      ) : (
        <Record record={record} path={path} />
      )}
      <div class="actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Record({ record, path }: { readonly record: FrameRecord; readonly path: string }) {
  const { frame, name, width, height, pictures, decoder, decoderOptions, waveform, waveformOptions, cbr } = record;
  const { channelUses, figures, residual, channel, atMs } = record;
  const stem = `${photoName(name)}-${frame}`;
  const rows: readonly (readonly [string, string])[] = [
    ['Signal to noise', snrText(record)],
    ['Channel', channel === null ? '' : withOptions(channel.model)],
    ['Waveform', withOptions({ name: waveform, ...waveformOptions })],
    ['Rate', `CBR ${cbr}, ${metric(channelUses)} symbols`],
    ['Decoder', withOptions({ name: decoder, ...decoderOptions })],
    ...allMetrics(figures).map(({ label, text }) => [label, text] as const),
    ['Residual', residual === null ? 'not measured' : `${figure(residual, 2)} × N₀`],
  ];
  return (
    <>
      <h2>
        {photoName(name)}{' '}
        <small>
          frame {frame} · {width} × {height} · {clock(atMs)}
        </small>
      </h2>
      <div class="large">
        {pictures.map(({ stage, url }) => (
          <figure key={stage} data-opened={stage}>
            <img src={url} alt={TITLES[stage]} width={width} height={height} />
            <figcaption>
              <span class="title">{TITLES[stage]}</span>
              <a href={url} download={`${stem}-${stage}.png`}>
                Download
              </a>
            </figcaption>
          </figure>
        ))}
      </div>
      <dl class="rows">
        {rows
          .filter(([, value]) => value !== '')
          .map(([title, value]) => (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      <p>
        <a href={path} download={`${stem}.json`}>
          Download its figures and settings (JSON)
        </a>
      </p>
    </>
  );
}

/** `tdl-exp delaySpread=3` */
function withOptions({ name, ...options }: { readonly name: string; readonly [option: string]: unknown }): string {
  return [name, ...Object.entries(options).map(([option, value]) => `${option}=${String(value)}`)].join(' ');
}
