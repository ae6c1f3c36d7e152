import { useEffect, useState } from 'preact/hooks';
import { change } from './controls-client.js';
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
  const { view, connection } = live;

  const stepSnr = (byDb: number): void => {
    const snrDb = source.current.view?.sections.channel?.snrDb;
    if (snrDb !== undefined) {
      void change('channel', { snrDb: Math.round(snrDb) + byDb });
    }
  };
  useKeys({
    '?': () => setHelps((shown) => !shown),
    Escape: () => {
      setHelps(false);
      setFills(false);
    },
    t: toggle,
    w: () => setWipes((on) => !on),
    f: () => setFills((on) => !on),
    '[': () => stepSnr(-SNR_STEP_DB),
    ']': () => stepSnr(SNR_STEP_DB),
    p: () => {
      const paused = source.current.view?.sections.transmitter?.settings.paused;
      if (paused !== undefined) {
        void change('stream', { paused: !paused });
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
          <Readouts view={view} />
          <Pictures shown={view.sections.shown} wipes={wipes} onWipe={setWipes} fills={fills} onFill={setFills} />
          <div class="side">
            <Controls view={view} />
            <Events view={view} />
          </div>
          <Scope sections={view.sections} theme={theme} />
          <Curves view={view} theme={theme} />
          <Gallery entries={view.sections.gallery} />
          <Streams rows={view.sections.streams} />
        </main>
      )}
      {helps ? <Help onClose={() => setHelps(false)} /> : null}
    </div>
  );
}
