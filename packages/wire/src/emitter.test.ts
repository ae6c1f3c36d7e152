import { describe, expect, it } from 'vitest';
import { Emitter } from './emitter.js';

class Numbers extends Emitter<{ number: [value: number] }> {
  say(value: number): void {
    this.emit('number', value);
  }
}

describe('Emitter', () => {
  it('calls listeners in order, until they are taken off', () => {
    const numbers = new Numbers();
    const heard: string[] = [];
    const stop = numbers.on('number', (value) => heard.push(`a${value}`));
    const stopSecond = numbers.on('number', (value) => heard.push(`b${value}`));
    numbers.say(1);
    stop();
    numbers.say(2);
    stopSecond();
    numbers.say(3);
    expect(heard).toEqual(['a1', 'b1', 'b2']);
  });

  it('calls all listeners though one throws, and then throws that', () => {
    const numbers = new Numbers();
    let heard = 0;
    numbers.on('number', () => {
      throw new Error('first');
    });
    numbers.on('number', () => {
      heard++;
      throw new Error('second');
    });
    expect(() => numbers.say(1)).toThrow('first');
    expect(heard).toBe(1);
  });
});
