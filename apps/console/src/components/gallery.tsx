import type { FrameSnr, GalleryEntry } from '@semcast/console-messages';
import { useState } from 'preact/hooks';
import { figure, photoName, receiverSnr } from '../format.js';
import { FrameView } from './frame-view.js';

/** As the channel was set, or else as the receiver has it, which is another figure. */
export function snrText(snr: FrameSnr): string {
  if (snr.snrDb !== null) {
    return `${figure(snr.snrDb)} dB SNR`;
  }
  const { name, snrDb } = receiverSnr(snr);
  return `${figure(snrDb)} dB ${name} SNR`;
}

/** Frames of the past, the newest first; one that is chosen opens. */
export function Gallery({ entries }: { readonly entries: readonly GalleryEntry[] }) {
  const [opened, setOpened] = useState<GalleryEntry | null>(null);
  return (
    <section class="panel gallery" aria-label="gallery">
      <div class="bar">
        <h2>Past frames</h2>
      </div>
      {entries.length === 0 ? (
        <p class="nothing">Frames that came through are kept here, the newest first.</p>
      ) : (
        <ol>
          {entries.toReversed().map((entry) => (
            <li key={entry.id}>
              <button type="button" onClick={() => setOpened(entry)}>
                <img src={entry.url} alt={`${photoName(entry.name)}, frame ${entry.frame}`} />
                <span class="row">
                  <span>{snrText(entry)}</span>
                  <b>{figure(entry.psnrDb)} dB</b>
                </span>
                <span class="row dim">
                  <span>{photoName(entry.name)}</span>
                  <span>{entry.steps === 0 ? entry.decoder : `${entry.decoder} ${entry.steps}`}</span>
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
      {opened === null ? null : <FrameView entry={opened} onClose={() => setOpened(null)} />}
    </section>
  );
}
