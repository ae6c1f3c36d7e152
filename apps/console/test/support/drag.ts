import type { Page } from 'playwright-core';

/** Milliseconds from the end of a drag to what is new, in the page's own clock. */
export interface AnswerMs {
  readonly constellation: number;
  readonly preview: number;
}

/**
 * Drag the slider of the SNR, let it go, and wait for what was received at that SNR.
 *
 * @param values in dB, one every 60 ms; the last is where it is let go
 */
export async function dragSnr(page: Page, values: readonly number[]): Promise<AnswerMs> {
  const script = `(async (values) => {
    const slider = document.querySelector('input[name=snr]');
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    for (const value of values) {
      set.call(slider, String(value));
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    const wanted = String(values.at(-1));
    const startMs = performance.now();
    slider.dispatchEvent(new Event('change', { bubbles: true }));
    const until = async (selector) => {
      while (document.querySelector(selector)?.dataset.snr !== wanted) {
        if (performance.now() - startMs > 60_000) {
          throw new Error('nothing at ' + wanted + ' dB: ' + selector);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return performance.now() - startMs;
    };
    const [constellation, preview] = await Promise.all([until('.scope'), until('[data-pane=preview]')]);
    return { constellation, preview };
  })(${JSON.stringify(values)})`;
  return (await page.evaluate(script)) as AnswerMs;
}
