import { z } from 'zod';

/** The lowest SNR that can be configured, in dB. */
export const MIN_SNR_DB = -50;

/** The highest SNR that can be configured, in dB: as good as no noise at all. */
export const MAX_SNR_DB = 100;

/** An SNR in dB, within what a channel can make. */
export const snrDbSchema = z.number().min(MIN_SNR_DB).max(MAX_SNR_DB);
