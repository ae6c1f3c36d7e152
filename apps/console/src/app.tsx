import { useEffect, useState } from 'preact/hooks';
import { Dial } from './components/dial.js';
import { OwnPicture } from './components/own-picture.js';
import { Photograph } from './components/photograph.js';
import { change } from './controls-client.js';
import { useRemembered } from './preferences.js';
import { Controls } from './components/controls.js';
import { Curves } from './components/curves.js';
import { Events } from './components/events.js';
import { Gallery } from './components/gallery.js';
import { Header } from './components/header.js';
import { Help } from './components/help.js';
import { Notices } from './components/notices.js';
import { Pictures } from './components/pictures.js';
import { Readouts } from './components/readouts.js';
import { Scope } from './components/scope.js';
import { Streams } from './components/streams.js';
import { useKeys } from './keyboard.js';
import type { Live, LiveConnection } from './live-connection.js';
import { useTheme } from './theme.js';

function useLive(connection: LiveConnection): Live {
  const [live, setLive] = useState(connection.current);
  useEffect(() => connection.subscribe(() => setLive(connection.current)), [connection]);
  return live;
}

const SNR_STEP_DB = 1;

/** The whole page. */
export function App({ live: source }: { readonly live: LiveConnection }) {
  const live = useLive(source);
  const { theme, toggle } = useTheme();
  const [helps, setHelps] = useState(false);
  const [wipes, setWipes] = useState(false);
  const [fills, setFills] = useState(false);
  const [details, setDetails] = useRemembered('details');
  const { view, connection } = live;

  const stepSnr = (byDb: number): void => {
    const snrDb = source.current.view?.sections.channel?.snrDb;
    if (snrDb !== undefined) {
      change('channel', { snrDb: Math.round(snrDb) + byDb });
    }
  };
  useKeys({
    '?': () => setHelps((shown) => !shown),
    Escape: () => {
      setHelps(false);
      setFills(false);
    },
    t: toggle,
    d: () => setDetails(!details),
    w: () => setWipes((on) => !on),
    f: () => setFills((on) => !on),
    '[': () => stepSnr(-SNR_STEP_DB),
    ']': () => stepSnr(SNR_STEP_DB),
    p: () => {
      const paused = source.current.view?.sections.transmitter?.settings.paused;
      if (paused !== undefined) {
        change('stream', { paused: !paused });
      }
    },
  });

  return (
    <div class={fills ? 'page fills' : 'page'}>
      <Header view={view} connection={connection} theme={theme} onTheme={toggle} onHelp={() => setHelps(true)} />
      <Notices view={view} connection={connection} />
      {view === null ? (
        <main class="empty" aria-busy="true">
          {connection.name === 'lost' ? null : 'connecting …'}
        </main>
      ) : (
        <main>
          <div class="first">
            <Pictures sections={view.sections} wipes={wipes} onWipe={setWipes} fills={fills} onFill={setFills} />
            <div class="desk">
              <Dial view={view} />
              <Photograph view={view} />
              <OwnPicture />
              <button
                type="button"
                name="details"
                aria-expanded={details}
                aria-controls="details"
                onClick={() => setDetails(!details)}
              >
                Details
              </button>
            </div>
          </div>
          {details ? (
            <div class="details" id="details">
              <Readouts view={view} />
              <div class="main">
                <Scope sections={view.sections} theme={theme} />
                <Events view={view} />
              </div>
              <Controls view={view} />
              <Curves view={view} theme={theme} />
              <Gallery entries={view.sections.gallery} />
              <Streams rows={view.sections.streams} />
            </div>
          ) : null}
        </main>
      )}
      {helps ? <Help onClose={() => setHelps(false)} /> : null}
    </div>
  );
}
