import { basename } from 'node:path';
import type { PhotoSource } from './photo-source.js';
import type { PhotoInput } from './read-photo.js';

/** A photograph by its name. */
export interface NamedPhoto {
  readonly name: string;
  readonly photo: PhotoInput;
}

/** Tells photographs that were handed in from those of the source. */
const HANDED_IN = 'your-';
const MAX_NAME = 64;

/** The photographs that a stream can be asked for, by name: those of its source, and the one that was handed in last. */
export class Album {
  readonly #photos = new Map<string, NamedPhoto>();
  #guest: NamedPhoto | undefined;

  constructor({ files }: PhotoSource) {
    for (const photo of files) {
      const name = basename(photo);
      // Of several files of one name the first is meant.
      if (!this.#photos.has(name)) {
        this.#photos.set(name, { name, photo });
      }
    }
  }

  get names(): readonly string[] {
    return [...(this.#guest === undefined ? [] : [this.#guest.name]), ...this.#photos.keys()];
  }

  find(name: string): NamedPhoto | undefined {
    return name === this.#guest?.name ? this.#guest : this.#photos.get(name);
  }

  /**
   * Take a photograph in, in place of the one before.
   *
   * @param given its name; what could be more than a name in a file or a log is left out
   * @returns the name by which it can be asked for
   */
  take(given: string, photo: Uint8Array): string {
    const name = HANDED_IN + given.replaceAll(/[^\w.-]+/g, '-').slice(-MAX_NAME);
    this.#guest = { name, photo };
    return name;
  }
}
