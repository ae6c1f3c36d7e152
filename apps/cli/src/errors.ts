import { errorClass } from '@semcast/core';

/** `E_USAGE`: the command line doesn't make sense; nothing was run. Exit code 2. */
export class UsageError extends errorClass('UsageError', 'E_USAGE') {}

/** `E_PORT_BUSY`: a port that a command needs is taken. */
export class PortBusyError extends errorClass('PortBusyError', 'E_PORT_BUSY') {}

/** `E_SERVICE_BOOT`: a service that a command started ended, or said nothing, before it was ready. */
export class ServiceBootError extends errorClass('ServiceBootError', 'E_SERVICE_BOOT') {}

/** `E_SERVICE_LOST`: a service kept ending, and was not started once more. */
export class ServiceLostError extends errorClass('ServiceLostError', 'E_SERVICE_LOST') {}

/** `E_OUTPUT`: a result could not be written. */
export class OutputError extends errorClass('OutputError', 'E_OUTPUT') {}

/** `E_INTERRUPTED`: Ctrl-C, or a signal, before the command was done. */
export class InterruptedError extends errorClass('InterruptedError', 'E_INTERRUPTED') {}

/** `E_TIMEOUT`: nothing came for as long as a command waits (`--timeout`). */
export class TimeoutError extends errorClass('TimeoutError', 'E_TIMEOUT') {}

/** `E_NO_LINK`: no channel answered in time. */
export class NoLinkError extends errorClass('NoLinkError', 'E_NO_LINK') {}
