/**
 * The shared secret of a channel: as typed, or from the environment, without the line ending of the file that it was
 * kept in. None where it is empty.
 */
export function readToken(
  typed: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const token = (typed ?? env['SEMCAST_TRANSMITTER_TOKEN'] ?? '').trim();
  return token === '' ? undefined : token;
}
