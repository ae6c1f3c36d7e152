/** The ports of the three services, counted from a base: 7400 is the console's. */
export const DEFAULT_PORT_BASE = 7400;

export const SERVICE_PORT_OFFSETS = { channel: 1, receiver: 2, transmitter: 3 } as const;

export type ServiceName = keyof typeof SERVICE_PORT_OFFSETS;
