import { describe, expect, it } from 'vitest';
import { COLUMN_WIDTH_MM, renderChart, svgFile, type Chart } from './chart.js';
import { svgToPdf } from './pdf.js';

const chart: Chart = {
  name: 'psnr',
  caption: 'PSNR against CSNR at CBR 1/48 & "more"; <higher> is better.',
  x: { label: 'CSNR (dB per complex symbol)', ticks: [0, 5, 10].map((value) => ({ value, text: String(value) })) },
  y: { label: 'PSNR (dB)' },
  series: [
    {
      label: 'jscc & <others>',
      points: [0, 5, 10].map((x) => ({ x, y: 20 + x, yInterval: { low: 19 + x, high: 21.5 + x } })),
      mark: { x: 5, text: 'design 5 dB' },
    },
    { label: 'distilled', points: [0, 5, 10].map((x) => ({ x, y: 22 + x, note: `note ${x}` })) },
  ],
};

describe('a chart', () => {
  it('has units on both axes, its legend, marks and notes, and is as wide as a column', () => {
    const svg = renderChart(chart);
    for (const words of [
      chart.x.label,
      chart.y.label,
      'jscc &amp; &lt;others&gt;',
      'distilled',
      'design 5 dB',
      'note 10',
    ]) {
      expect(svg).toContain(`>${words}</text>`);
    }
    expect(svg).toContain(`width="${COLUMN_WIDTH_MM}mm"`);
    expect(svg).not.toMatch(/https?:|<script|<style/);
  });

  it('has a mark that several series share once', () => {
    const count = (svg: string): number => svg.split('design 5 dB').length - 1;
    const [first, second] = chart.series;
    const shared = renderChart({ ...chart, series: [first!, { ...second!, mark: first!.mark }] });
    expect(count(shared)).toBe(1);
    const other = { ...second!, mark: { x: 10, text: 'design 10 dB' } };
    expect(renderChart({ ...chart, series: [first!, other] })).toContain('>design 10 dB</text>');
    const outside = { ...second!, mark: { x: -5, text: 'design -5 dB' } };
    expect(renderChart({ ...chart, series: [first!, outside] })).not.toContain('design -5 dB');
  });

  it('is black on white in a file of its own', () => {
    const file = svgFile(renderChart(chart));
    expect(file).toMatch(/^<\?xml[^>]*>\n<svg [^>]*><rect width="100%" height="100%" fill="#fff"\/>/);
    expect(file).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
    expect(file).not.toContain('currentColor');
  });

  it('names the categories of an axis in place of a legend, and ticks of times at round numbers', () => {
    const svg = renderChart({
      ...chart,
      x: { label: 'decoding time (ms)', scale: 'log' },
      y: { label: '', ticks: ['one pass', 'sampled'].map((text, value) => ({ value, text })) },
      series: [80, 900].map((x, y) => ({ label: '', points: [{ x, y, xInterval: { low: x / 1.2, high: 1.2 * x } }] })),
    });
    for (const words of ['one pass', 'sampled', 'decoding time (ms)', '100', '200', '500', '1000']) {
      expect(svg).toContain(`>${words}</text>`);
    }
  });

  it('has round numbers on both axes where both are logarithmic', () => {
    const svg = renderChart({
      ...chart,
      x: { label: 'rate (%)', scale: 'log' },
      y: { label: 'latency (s)', scale: 'log' },
      series: [{ label: '', points: [10, 300].map((x) => ({ x, y: x / 20 })) }],
    });
    for (const words of ['10', '20', '50', '100', '200', '0.5', '1', '2', '5']) {
      expect(svg).toContain(`>${words}</text>`);
    }
  });

  it('is a PDF of the same size with its font in it, byte for byte the same each time', async () => {
    const file = svgFile(renderChart(chart));
    const pdf = await svgToPdf(file);
    const text = pdf.toString('latin1');
    expect(text.slice(0, 5)).toBe('%PDF-');
    const [, width, height] = /\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(text)!;
    expect(Number(width)).toBeCloseTo((COLUMN_WIDTH_MM * 72) / 25.4, 1);
    const mm = Number(/height="([\d.]+)mm"/.exec(file)![1]);
    expect(Number(height)).toBeCloseTo((mm * 72) / 25.4, 1);
    expect(text).toMatch(/\/FontFile2/);
    expect(text).toMatch(/\/BaseFont \/[A-Z]{6}\+Arimo/);
    expect((await svgToPdf(file)).equals(pdf)).toBe(true);
  });
});
