/** Names that the page needs, too: apart from the schemas, so that it needn't load what makes those. */

/** The services that tell. */
export const LIVE_SERVICES = ['transmitter', 'channel', 'receiver'] as const;
export type LiveService = (typeof LIVE_SERVICES)[number];

/** Pictures of a frame that can be asked for; `digital` is that of its companion. */
export const PICTURE_STAGES = ['original', 'preview', 'intermediate', 'final', 'digital'] as const;
export type PictureStage = (typeof PICTURE_STAGES)[number];

/** The decoder whose pictures come over a digital link: they have a pane of their own. */
export const DIGITAL = 'digital';

const COMPANION_SUFFIX = '-digital';
const MAX_STREAM_LETTERS = 64;

/** The stream by which photographs of another stream go once more over a digital link. */
export const companionStream = (stream: string): string =>
  `${stream.slice(0, MAX_STREAM_LETTERS - COMPANION_SUFFIX.length)}${COMPANION_SUFFIX}`;
