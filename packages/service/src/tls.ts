import { readFile, unwatchFile, watchFile } from 'node:fs';
import { promisify } from 'node:util';
import { createSecureContext, type Server } from 'node:tls';
import { describeError, SemcastError } from '@semcast/core';
import type { Logger } from 'pino';

/** PEM files of a certificate, with those of its issuers behind it, and of its private key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** What a TLS server is given: the files' texts. */
export interface TlsContext {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const read = promisify(readFile);
/** How often the files are looked at: they may be links that are replaced, as Kubernetes does, or on a network disk. */
const LOOK_MS = 5000;

/**
 * The files of settings `tlsCert` and `tlsKey`; undefined where neither is set: plain HTTP.
 *
 * @throws SemcastError E_TLS when only one is set
 */
export function tlsFiles(cert: string | undefined, key: string | undefined): TlsFiles | undefined {
  if (cert === undefined && key === undefined) {
    return undefined;
  }
  if (cert === undefined || key === undefined) {
    throw new SemcastError('E_TLS', `${cert === undefined ? 'tlsCert' : 'tlsKey'} is missing`, {
      remedy: 'set tlsCert and tlsKey, both or neither',
    });
  }
  return { cert, key };
}

/** @throws SemcastError E_TLS when a file can't be read, or certificate and key don't belong together */
export async function readTls(files: TlsFiles): Promise<TlsContext> {
  try {
    const [cert, key] = await Promise.all([read(files.cert), read(files.key)]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    throw new SemcastError('E_TLS', `the certificate can't be used: ${describeError(cause)}`, {
      remedy: `make ${files.cert} a certificate in PEM form, and ${files.key} its private key without a passphrase`,
      cause,
    });
  }
}

/**
 * Give the server its certificate anew whenever a file changes, so that one which expires can be replaced while links
 * last; connections that are open keep theirs. A pair that can't be used (half of it written, say) is left out.
 *
 * @returns stops it
 */
export function reloadTls(
  server: Pick<Server, 'setSecureContext'>,
  files: TlsFiles,
  logger: Logger,
  lookMs = LOOK_MS,
): () => void {
  const reload = async (): Promise<void> => {
    try {
      server.setSecureContext(await readTls(files));
      logger.info({ cert: files.cert }, 'certificate reloaded');
    } catch (error) {
      logger.warn({ err: error }, 'the certificate has changed and the new one is not used');
    }
  };
  const onChange = (): void => void reload();
  const paths = [files.cert, files.key];
  for (const path of paths) {
    watchFile(path, { interval: lookMs, persistent: false }, onChange);
  }
  return () => {
    for (const path of paths) {
      unwatchFile(path, onChange);
    }
  };
}
