import type { Delivery } from '@semcast/wire';

/**
 * The client of a frame: clients share the machine equally, whatever they call their streams.
 *
 * A client is an address. All links of a channel come from its own; its hello says for which client each one is, which
 * is believed where links have to show a token. Otherwise the streams of a channel are one client's.
 */
export function clientOf(
  { hello, remoteAddress }: Pick<Delivery, 'hello' | 'remoteAddress'>,
  { hasToken }: { readonly hasToken: boolean },
): string {
  return hasToken && hello.role === 'channel' && hello.client !== undefined
    ? `${hello.client} by ${remoteAddress}`
    : remoteAddress;
}
