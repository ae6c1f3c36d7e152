import { randomUUID } from 'node:crypto';
import { StorageType } from '@nats-io/jetstream';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { nanos, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { BLOBS_BUCKET } from './names.js';

/** Of the server's payload limit, kept free for headers. */
const HEADER_BYTES = 16 * 1024;
const BLOB = 'Semcast-Blob';

/** Messages of any size: what is beyond the server's payload limit goes into its object store. */
export class Blobs {
  readonly #nats: NatsConnection;
  readonly #maxAgeMs: number;
  readonly #replicas: number;
  #store: ObjectStore | undefined;

  constructor(nats: NatsConnection, maxAgeMs: number, replicas: number) {
    this.#replicas = replicas;
    this.#nats = nats;
    this.#maxAgeMs = maxAgeMs;
  }

  async prepare(): Promise<void> {
    const ttl = nanos(this.#maxAgeMs);
    this.#store = await new Objm(this.#nats).create(BLOBS_BUCKET, {
      ttl,
      storage: StorageType.File,
      replicas: this.#replicas,
    });
  }

  fits(bytes: Uint8Array): boolean {
    return bytes.byteLength <= (this.#nats.info?.max_payload ?? Infinity) - HEADER_BYTES;
  }

  /** The body to send for these bytes; where it stands for an object, the headers name it. */
  async pack(bytes: Uint8Array, headers: MsgHdrs): Promise<Uint8Array> {
    if (this.fits(bytes)) {
      return bytes;
    }
    const name = randomUUID();
    await this.#store!.putBlob({ name }, bytes);
    headers.set(BLOB, name);
    return new Uint8Array(0);
  }

  /** The bytes of a message; null where its object is gone. */
  async unpack({
    headers,
    data,
  }: {
    readonly headers?: MsgHdrs | undefined;
    readonly data: Uint8Array;
  }): Promise<Uint8Array | null> {
    const name = headers?.get(BLOB) ?? '';
    return name === '' ? data : await this.#store!.getBlob(name);
  }

  /** The message is done with. Never rejects: what stays behind ends by its age. */
  async discard({ headers }: { readonly headers?: MsgHdrs | undefined }): Promise<void> {
    const name = headers?.get(BLOB) ?? '';
    if (name !== '') {
      await this.#store!.delete(name).catch(() => {});
    }
  }
}
