import { LIVE_SERVICES, type LiveService, type LiveView } from '@semcast/console-messages';
import type { ConnectionState } from '../live-connection.js';
import type { Theme } from '../theme.js';
import { figure } from '../format.js';

interface HeaderProps {
  readonly view: LiveView | null;
  readonly connection: ConnectionState;
  readonly theme: Theme;
  readonly onTheme: () => void;
  readonly onHelp: () => void;
}

/** What the page is of, whether its parts are there, and the page's own switches. */
export function Header({ view, connection, theme, onTheme, onHelp }: HeaderProps) {
  return (
    <header class="top">
      <h1>semcast</h1>
      <ol class="chain" aria-label="services">
        {LIVE_SERVICES.map((service) => (
          <li key={service} data-service={service} data-state={stateOf(view, connection, service)}>
            <span class="lamp" aria-hidden="true" />
            <span class="what">{service}</span>
            <span class="about">{aboutOf(view, connection, service)}</span>
          </li>
        ))}
      </ol>
      <div class="tools">
        <button
          type="button"
          class="icon"
          onClick={onTheme}
          aria-label={`${theme === 'dark' ? 'light' : 'dark'} theme`}
        >
          {theme === 'dark' ? <Sun /> : <Moon />}
        </button>
        <button type="button" class="icon" onClick={onHelp} aria-label="keyboard and help">
          ?
        </button>
      </div>
    </header>
  );
}

function stateOf(view: LiveView | null, connection: ConnectionState, service: LiveService): string {
  return connection.name === 'open' ? (view?.sections.services[service].state ?? 'unknown') : 'unknown';
}

function aboutOf(view: LiveView | null, connection: ConnectionState, service: LiveService): string {
  const state = stateOf(view, connection, service);
  if (view === null || state === 'unknown') {
    return 'not known';
  }
  if (state === 'away') {
    return 'away';
  }
  const { transmitter, channel, receiver } = view.sections;
  if (service === 'transmitter') {
    return transmitter === null ? '' : `${transmitter.stream} · CBR ${transmitter.settings.cbr}`;
  }
  if (service === 'channel') {
    return channel === null ? '' : `${channel.model.name} · ${figure(channel.snrDb)} dB`;
  }
  return receiver === null ? '' : `${receiver.bundle.name} ${receiver.bundle.version} · ${receiver.device}`;
}

function Sun() {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true">
      <circle cx="10" cy="10" r="3.6" />
      <path d="M10 1.5v2.5M10 16v2.5M1.5 10h2.5M16 10h2.5M4 4l1.8 1.8M14.2 14.2l1.8 1.8M16 4l-1.8 1.8M5.8 14.2L4 16" />
    </svg>
  );
}

function Moon() {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true">
      <path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z" />
    </svg>
  );
}
