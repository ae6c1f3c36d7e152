/** TIFF files that sharp doesn't write: uncompressed, one strip, samples of any type. */

interface TiffOptions {
  readonly width: number;
  readonly height: number;
  /** 1: unsigned, 2: signed, 3: floating point. */
  readonly sampleFormat: number;
}

const SHORT = 3;
const LONG = 4;
const HEADER_BYTES = 8;

/** A TIFF of these samples, grey or RGB by their number. */
export function tiffOf(
  samples: Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array,
  { width, height, sampleFormat }: TiffOptions,
): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const channels = samples.length / (width * height);
  const fields: [tag: number, type: number, values: number[]][] = [
    [256, LONG, [width]],
    [257, LONG, [height]],
    [258, SHORT, Array.from({ length: channels }, () => 8 * samples.BYTES_PER_ELEMENT)],
    [259, SHORT, [1]],
    [262, SHORT, [channels === 3 ? 2 : 1]],
    [273, LONG, [HEADER_BYTES]],
    [277, SHORT, [channels]],
    [278, LONG, [height]],
    [279, LONG, [data.length]],
    [339, SHORT, Array.from({ length: channels }, () => sampleFormat)],
  ];
  const directoryAt = HEADER_BYTES + data.length;
  const directory = Buffer.alloc(2 + 12 * fields.length + 4);
  directory.writeUInt16LE(fields.length, 0);
  const beyond: Buffer[] = [];
  let beyondAt = directoryAt + directory.length;
  for (const [i, [tag, type, values]] of fields.entries()) {
    const at = 2 + 12 * i;
    directory.writeUInt16LE(tag, at);
    directory.writeUInt16LE(type, at + 2);
    directory.writeUInt32LE(values.length, at + 4);
    const content =
      type === SHORT ? Buffer.from(Uint16Array.from(values).buffer) : Buffer.from(Uint32Array.from(values).buffer);
    if (content.length <= 4) {
      content.copy(directory, at + 8);
    } else {
      directory.writeUInt32LE(beyondAt, at + 8);
      beyond.push(content);
      beyondAt += content.length;
    }
  }
  const header = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(directoryAt, 4);
  return Buffer.concat([header, data, directory, ...beyond]);
}
