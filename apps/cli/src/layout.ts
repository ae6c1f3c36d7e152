/** The ports of the three services, counted from a base: 7400 is the console's. */
export const DEFAULT_PORT_BASE = 7400;

export type ServiceName = 'channel' | 'receiver' | 'transmitter';

export type ServicePorts = Readonly<Record<ServiceName, number>>;

/** Ports of the three services from a base. */
export const portsFrom = (base: number): ServicePorts => ({
  channel: base + 1,
  receiver: base + 2,
  transmitter: base + 3,
});
