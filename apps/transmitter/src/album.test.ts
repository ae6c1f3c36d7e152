import { describe, expect, it } from 'vitest';
import { Album } from './album.js';

const album = () => new Album({ files: ['/a/x.jpg', '/b/x.jpg', '/b/y.jpg'], fingerprint: '' });

describe('the photographs of a stream', () => {
  it('are those of the source by name, the first of several', () => {
    expect(album().names).toEqual(['x.jpg', 'y.jpg']);
    expect(album().find('x.jpg')?.photo).toBe('/a/x.jpg');
    expect(album().find('z.jpg')).toBeUndefined();
  });

  it('and the one that was handed in last, under a name that is nothing but a name', () => {
    const photos = album();
    const [first, second] = [new Uint8Array([1]), new Uint8Array([2])];
    const name = photos.take('../../x y.jpg', first);
    expect(name).toBe('your-..-..-x-y.jpg');
    expect(photos.find(name)?.photo).toBe(first);
    photos.take('x.jpg', second);
    expect(photos.names).toEqual(['your-x.jpg', 'x.jpg', 'y.jpg']);
    expect(photos.find('x.jpg')?.photo).toBe('/a/x.jpg');
    expect(photos.find(name)).toBeUndefined();
    expect(photos.take('a'.repeat(1000), first).length).toBe(69);
  });
});
