import type { LiveView } from '@semcast/console-messages';
import { clock } from '../format.js';

/** Notable moments, the newest first; the same are upright lines in the curves. */
export function Events({ view }: { readonly view: LiveView }) {
  // A service that was asked later tells of what was earlier.
  const events = view.events.toSorted((a, b) => b.atMs - a.atMs);
  return (
    <section class="panel events" aria-label="events">
      <div class="bar">
        <h2>Events</h2>
      </div>
      {events.length === 0 ? (
        <p class="nothing">Changes, drops and links that come and go are listed here.</p>
      ) : (
        <ol>
          {events.map(({ id, atMs, service, event, level, message, times }) => (
            <li key={id} data-event={event} data-level={level}>
              <time>{clock(atMs - view.clockOffsetMs)}</time>
              <span class="service">{service}</span>
              <span class="message">
                {message}
                {times > 1 ? <b> ×{times}</b> : null}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
