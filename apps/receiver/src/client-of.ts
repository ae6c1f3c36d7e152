import type { Delivery } from '@semcast/wire';

/**
 * Whose stream a frame is of: among clients the machine is shared equally, whatever they call their streams.
 *
 * A client is an address. All links of a channel come from its own; it says in the hello whom each is for, which is
 * believed of who had to show a token. Otherwise the streams of a channel are one client's.
 */
export function clientOf(
  { hello, remoteAddress }: Pick<Delivery, 'hello' | 'remoteAddress'>,
  { hasToken }: { readonly hasToken: boolean },
): string {
  return hasToken && hello.role === 'channel' && hello.client !== undefined
    ? `${hello.client} by ${remoteAddress}`
    : remoteAddress;
}
