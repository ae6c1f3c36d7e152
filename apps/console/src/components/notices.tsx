import { LIVE_SERVICES, type LiveView } from '@semcast/console-messages';
import { useEffect, useState } from 'preact/hooks';
import { span } from '../format.js';
import type { ConnectionState } from '../live-connection.js';

/** Notices about what is missing, for as long as it is missing. */
export function Notices({
  view,
  connection,
}: {
  readonly view: LiveView | null;
  readonly connection: ConnectionState;
}) {
  const now = useSeconds();
  if (connection.name === 'lost') {
    return (
      <div class="notices" role="alert">
        <p data-away="console">
          <strong>The console's server is away</strong> since {span(now - connection.sinceMs)}. What is shown is from
          before; it is looked for, and the page goes on by itself.
        </p>
      </div>
    );
  }
  if (view === null) {
    return null;
  }
  const { services, transmitter } = view.sections;
  const away = LIVE_SERVICES.filter((service) => services[service].state === 'away');
  const lines = away.map((service) => {
    const { sinceMs, message } = services[service];
    return (
      <p key={service} data-away={service}>
        <strong>The {service} is away</strong> since {span(now + view.clockOffsetMs - sinceMs)}; it is asked again and
        again, and the page goes on when it answers. <small>{message.replace(/ — .*$/s, '')}</small>
      </p>
    );
  });
  if (away.length === 0 && transmitter !== null && transmitter.link.state !== 'open') {
    lines.push(
      <p key="link" data-away="link">
        <strong>The transmitter has no link</strong> ({transmitter.link.state})
        {transmitter.link.error === undefined ? '' : `: ${transmitter.link.error}`}
      </p>,
    );
  }
  return lines.length === 0 ? null : (
    <div class="notices" role="alert">
      {lines}
    </div>
  );
}

function useSeconds(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
