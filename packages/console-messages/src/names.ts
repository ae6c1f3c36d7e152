/** Names that the page needs, too: apart from the schemas, so that it needn't load what makes those. */

/** The services that tell. */
export const LIVE_SERVICES = ['transmitter', 'channel', 'receiver'] as const;
export type LiveService = (typeof LIVE_SERVICES)[number];

/** Pictures of a frame that can be asked for. */
export const PICTURE_STAGES = ['original', 'preview', 'intermediate', 'final'] as const;
export type PictureStage = (typeof PICTURE_STAGES)[number];

/** The decoder whose pictures come over a digital link: they have a pane of their own. */
export const DIGITAL = 'digital';
