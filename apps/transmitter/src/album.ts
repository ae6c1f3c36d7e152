import { basename } from 'node:path';
import type { PhotoSource } from './photo-source.js';
import type { PhotoInput } from './read-photo.js';

/** A photograph by its name. */
export interface NamedPhoto {
  readonly name: string;
  readonly photo: PhotoInput;
}

/** The photographs that a stream can be asked for, by name: those of its source. */
export class Album {
  readonly #photos = new Map<string, NamedPhoto>();

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
    return [...this.#photos.keys()];
  }

  find(name: string): NamedPhoto | undefined {
    return this.#photos.get(name);
  }
}
