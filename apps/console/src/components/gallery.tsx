import type { FrameFigures, GalleryEntry } from '@semcast/console-messages';
import { figure, photoName, receiverSnr } from '../format.js';

/** As the channel was set, or else as the receiver has it, which is another figure. */
function snrText(figures: FrameFigures): string {
  if (figures.snrDb !== null) {
    return `${figure(figures.snrDb)} dB SNR`;
  }
  const { name, snrDb } = receiverSnr(figures);
  return `${figure(snrDb)} dB ${name} SNR`;
}

/** Frames of the past, the newest first. */
export function Gallery({ entries }: { readonly entries: readonly GalleryEntry[] }) {
  return (
    <section class="panel gallery" aria-label="gallery">
      <div class="bar">
        <h2>Past frames</h2>
      </div>
      {entries.length === 0 ? (
        <p class="nothing">Frames that came through are kept here, the newest first.</p>
      ) : (
        <ol>
          {entries.toReversed().map(({ id, frame, name, decoder, figures, url }) => (
            <li key={id}>
              <img src={url} alt={`${photoName(name)}, frame ${frame}`} />
              <span class="row">
                <span>{snrText(figures)}</span>
                <b>{figure(figures.quality.psnrDb)} dB</b>
              </span>
              <span class="row dim">
                <span>{photoName(name)}</span>
                <span>{figures.steps === 0 ? decoder : `${decoder} ${figures.steps}`}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
