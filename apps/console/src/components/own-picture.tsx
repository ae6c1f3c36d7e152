import { useEffect, useRef, useState } from 'preact/hooks';
import { send } from '../controls-client.js';

/** A camera's picture goes so often, and its longest side has so many pixels. */
const CAMERA_MS = 600;
const CAMERA_SIDE = 768;
const CAMERA_NAME = 'camera.jpg';
const TYPES = 'image/png,image/jpeg,image/webp,image/avif,image/gif,image/tiff';

/** One's own picture, by choosing or dropping a file, or from the camera: it crosses the channel like any photograph. */
export function OwnPicture() {
  const [problem, setProblem] = useState('');
  const [films, setFilms] = useState(false);
  const post = async (name: string, picture: Blob): Promise<void> => {
    if (!TYPES.split(',').includes(picture.type)) {
      setProblem(`${name} is no picture that can be sent: choose a JPEG, PNG, WebP, AVIF, GIF or TIFF file.`);
      return;
    }
    const refusal = await send(`/control/photo?${new URLSearchParams({ name }).toString()}`, {
      method: 'POST',
      headers: { 'content-type': picture.type },
      body: picture,
    });
    setProblem(refusal === null ? '' : `${refusal.message}. ${refusal.remedy}`);
  };
  const hovers = useDrop((file) => {
    setFilms(false);
    void post(file.name, file);
  });
  useCamera(
    films,
    async (picture) => await post(CAMERA_NAME, picture),
    (why) => {
      setFilms(false);
      setProblem(why);
    },
  );
  return (
    <div class="own">
      <label class="button">
        Your picture
        <input
          type="file"
          name="picture"
          accept={TYPES}
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0];
            currentTarget.value = '';
            if (file !== undefined) {
              setFilms(false);
              void post(file.name, file);
            }
          }}
        />
      </label>
      <button type="button" name="camera" aria-pressed={films} onClick={() => setFilms(!films)}>
        Camera
      </button>
      {problem === '' ? null : (
        <p class="refusal" role="alert" data-refusal="photo">
          {problem}
        </p>
      )}
      {hovers ? <div class="dropzone">Drop a picture: it goes through the channel</div> : null}
    </div>
  );
}

/** Files that are dropped anywhere on the page; whether one is held over it. */
function useDrop(take: (file: File) => void): boolean {
  const [hovers, setHovers] = useState(false);
  const current = useRef(take);
  current.current = take;
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const hasFile = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') === true;
    window.addEventListener(
      'dragover',
      (event) => {
        if (hasFile(event)) {
          event.preventDefault();
          setHovers(true);
        }
      },
      { signal },
    );
    window.addEventListener('dragleave', ({ relatedTarget }) => setHovers(relatedTarget !== null), { signal });
    window.addEventListener(
      'drop',
      (event) => {
        setHovers(false);
        const file = event.dataTransfer?.files[0];
        if (file !== undefined) {
          event.preventDefault();
          current.current(file);
        }
      },
      { signal },
    );
    return () => listening.abort();
  }, []);
  return hovers;
}

/** Pictures of the camera, one after the other, while it is on. */
function useCamera(on: boolean, take: (picture: Blob) => Promise<void>, fail: (why: string) => void): void {
  const current = useRef({ take, fail });
  current.current = { take, fail };
  useEffect(() => {
    if (!on) {
      return undefined;
    }
    let stopped = false;
    let timer: number | undefined;
    let stream: MediaStream | undefined;
    const video = document.createElement('video');
    const canvas = document.createElement('canvas');
    const shoot = async (): Promise<void> => {
      const scale = Math.min(1, CAMERA_SIDE / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
      const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
      if (picture !== null && !stopped) {
        await current.current.take(picture);
      }
      if (!stopped) {
        timer = window.setTimeout(() => void shoot(), CAMERA_MS);
      }
    };
    const start = async (): Promise<void> => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: CAMERA_SIDE } } });
      if (stopped) {
        stop();
        return;
      }
      video.srcObject = stream;
      video.muted = true;
      await video.play();
      await shoot();
    };
    const stop = (): void => {
      stopped = true;
      window.clearTimeout(timer);
      for (const track of stream?.getTracks() ?? []) {
        track.stop();
      }
    };
    if ((navigator.mediaDevices as MediaDevices | undefined) === undefined) {
      current.current.fail('The browser gives its camera to pages over HTTPS or from this machine alone.');
    } else {
      void start().catch((error: unknown) => {
        if (!stopped) {
          current.current.fail(`The camera can’t be used: ${error instanceof Error ? error.message : String(error)}`);
        }
      });
    }
    return stop;
  }, [on]);
}
