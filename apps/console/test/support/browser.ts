import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

export interface Browser {
  readonly context: BrowserContext;
  /** Everything that the page's console called an error, and every exception that nobody caught. */
  readonly errors: readonly string[];
  /** Addresses that were asked for on other hosts than that of the page. */
  readonly foreign: readonly string[];
  open(url: string, size?: { readonly width: number; readonly height: number }): Promise<Page>;
  close(): Promise<void>;
}

export interface BrowserOptions {
  readonly colorScheme?: 'dark' | 'light';
  readonly args?: readonly string[];
}

/** Start Debian's Chromium with a profile of its own, gone afterwards. It talks to nobody but the page's server. */
export async function startBrowser(executablePath: string, options: BrowserOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'semcast-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    colorScheme: options.colorScheme ?? 'dark',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(options.args ?? []),
    ],
  });
  const errors: string[] = [];
  const foreign: string[] = [];
  return {
    context,
    errors,
    foreign,
    open: async (url, size = { width: 1280, height: 900 }) => {
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error') {
          errors.push(`${message.text()} (${message.location().url})`);
        }
      });
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('request', (request) => {
        const { host, protocol } = new URL(request.url());
        if (protocol.startsWith('http') && host !== new URL(url).host) {
          foreign.push(request.url());
        }
      });
      await page.setViewportSize(size);
      await page.goto(url);
      return page;
    },
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
