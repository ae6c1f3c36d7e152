import { fileURLToPath } from 'node:url';

/** The script of the `semcast` command itself, which runs a service when it is forked with the service's name. */
export const SEMCAST_ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
