import type { LiveView } from '@semcast/console-messages';
import { change } from '../controls-client.js';
import { photoName } from '../format.js';

const IN_TURN = '';

/** Which photograph is sent, and whether frames flow. */
export function Photograph({ view }: { readonly view: LiveView }) {
  const { transmitter, services } = view.sections;
  if (transmitter === null) {
    return null;
  }
  const { settings, photographs } = transmitter;
  return (
    <fieldset class="photograph" disabled={services.transmitter.state === 'away'}>
      <label>
        <span>
          Photograph <small>photo</small>
        </span>
        <select
          name="photo"
          value={settings.photo ?? IN_TURN}
          onChange={({ currentTarget: { value } }) => change('stream', { photo: value === IN_TURN ? null : value })}
        >
          <option value={IN_TURN}>one after the other</option>
          {photographs.map((name) => (
            <option key={name} value={name}>
              {photoName(name)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        name="pause"
        aria-pressed={settings.paused}
        onClick={() => change('stream', { paused: !settings.paused })}
      >
        {settings.paused ? 'Resume' : 'Pause'}
      </button>
    </fieldset>
  );
}
