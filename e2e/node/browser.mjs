// A person at a browser: rides through the pages that a start address leads to, by what is on each page.
//
// As a program:  node browser.mjs '{"start": "http://…", "email": "…", "password": "…"}'   (or - for standard input)
// As a module:   import { ride } from './browser.mjs'
//
// options: start       where the browser goes first
//          until       address prefix at which the ride ends, such as a redirect URI (optional)
//          email, password
//          elsewhere   { origin: { email, password } } where the person is somebody else (optional)
//          decision    "allow" (default) or "deny", pressed on the consent page
//          screenshots directory for one PNG a page (optional)
//          profile     user data directory that keeps the session between rides (optional, else a fresh one)
//          click       selectors to click, in order, once no known page is left, such as a "Disconnect" button (optional)
//          timeout_ms  for each page (default 20000)
// answer:  { pages: [{ kind, url, … }], ended: { url, status, text }, redirects: [addresses that were redirected to], console: [] }
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { isMain, readScript } from './script.mjs';

const MOST_PAGES = 12;
const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

// A page is known by what it asks for; the first that fits wins.
const PAGES = [
  { kind: 'consent', mark: 'button[name=decision]', act: decide },
  // Those of Canaille.
  { kind: 'canaille_login', mark: 'form:has(input[name=login]):not(:has(input[name=password]))', act: nameOneselfAtCanaille },
  { kind: 'canaille_password', mark: 'form:has(input[name=username]) input[name=password]', act: logInAtCanaille },
  { kind: 'canaille_consent', mark: 'button[name=answer][value=accept]', act: () => 'button[name=answer][value=accept]' },
  // Those of `oidc-provider`, where anybody is who they say.
  { kind: 'provider_login', mark: 'input[name=login]', act: logInAtProvider },
  { kind: 'provider_consent', mark: 'input[name=prompt][value=consent]', act: () => 'button[type=submit]' },
  { kind: 'account', mark: 'input[name=password_again]', act: createAccount },
  { kind: 'login', mark: 'input[name=password]', act: logIn },
];

async function decide(page, options, seen) {
  const text = async selector => (await page.locator(selector).allTextContents()).map(part => part.trim()).join(' ') || null;
  seen.client_name = await text('[data-client-name]');
  seen.redirect_host = await text('[data-redirect-host]');
  seen.scopes = await page.locator('li[data-scope]').evaluateAll(items => items.map(item => item.dataset.scope));
  seen.localhost_warning = (await page.locator('[data-localhost-warning]').count()) > 0;
  seen.decision = options.decision ?? 'allow';
  return `button[name=decision][value=${seen.decision}]`;
}

async function createAccount(page, options, seen) {
  const email = page.locator('input[name=email]');
  seen.email_given = (await email.inputValue()) || null;
  if (await email.isEditable()) await email.fill(options.email);
  await page.fill('input[name=password]', options.password);
  await page.fill('input[name=password_again]', options.password);
  return 'form:has(input[name=password_again]) button[type=submit]';
}

async function logInAtProvider(page, options) {
  await page.fill('input[name=login]', options.provider_login ?? options.email);
  await page.fill('input[name=password]', 'whatever');
  return 'button[type=submit]';
}

async function nameOneselfAtCanaille(page, options) {
  await page.fill('input[name=login]', options.provider_login ?? options.email);
  return 'form:has(input[name=login]) button[type=submit]';
}

async function logInAtCanaille(page, options) {
  await page.fill('input[name=password]', options.password);
  return 'form:has(input[name=password]) button[type=submit]';
}

async function logIn(page, options) {
  const { email, password } = options.elsewhere?.[new URL(page.url()).origin] ?? options;
  await page.fill('input[name=email]', email);
  await page.fill('input[name=password]', password);
  return 'form:has(input[name=password]) button[type=submit]';
}

/** The click's navigation is awaited, so a form that a policy blocks ends in a time-out and never in a silent stay. */
async function clickThrough(page, selector, timeout) {
  const moved = page.waitForNavigation({ waitUntil: 'load', timeout });
  moved.catch(() => {});
  await page.locator(selector).first().click({ noWaitAfter: true, timeout });
  return await moved;
}

export async function ride(options) {
  const timeout = options.timeout_ms ?? 20_000;
  const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'keyward-browser-')));
  if (options.screenshots) await mkdir(options.screenshots, { recursive: true });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.KEYWARD_E2E_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ARGUMENTS,
  });
  const answer = { pages: [], ended: null, redirects: [], console: [] };
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on('console', message => answer.console.push(`${message.type()}: ${message.text()}`));
    page.on('response', response => {
      const target = response.headers().location;
      if (target) answer.redirects.push(new URL(target, response.url()).href);
    });
    await walk(page, options, answer, timeout);
    return answer;
  } catch (error) {
    error.ride = answer;
    throw error;
  } finally {
    await context.close();
    if (!options.profile) await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function walk(page, options, answer, timeout) {
  const clicks = [...(options.click ?? [])];
  let response = await page.goto(options.start, { waitUntil: 'load', timeout });
  for (let number = 1; number <= MOST_PAGES; number += 1) {
    const url = page.url();
    const reached = options.until !== undefined && url.startsWith(options.until);
    const known = reached ? undefined : await firstFitting(page);
    const seen = { kind: known?.kind ?? 'end', url, status: response?.status() ?? null, title: await page.title() };
    answer.pages.push(seen);
    const alert = (await page.locator('[role=alert]').allTextContents()).map(part => part.trim()).join(' ');
    if (alert) seen.alert = alert;
    if (options.screenshots) {
      await page.screenshot({ path: join(options.screenshots, `${number}-${seen.kind}.png`), fullPage: true });
    }
    if (known) {
      if (alert && known.kind !== 'consent') throw new Error(`the ${known.kind} page says: ${alert}`);
      response = await clickThrough(page, await known.act(page, options, seen), timeout);
    } else if (clicks.length > 0) {
      seen.clicked = clicks.shift();
      response = await clickThrough(page, seen.clicked, timeout);
    } else {
      answer.ended = { url, status: seen.status, text: (await page.locator('body').innerText()).slice(0, 2000) };
      if (options.until !== undefined && !reached) throw new Error(`the ride ended at ${url}, not at ${options.until}`);
      return;
    }
  }
  throw new Error(`more than ${MOST_PAGES} pages`);
}

async function firstFitting(page) {
  for (const candidate of PAGES) {
    if ((await page.locator(candidate.mark).count()) > 0) return candidate;
  }
  return undefined;
}

if (isMain(import.meta.url)) {
  try {
    console.log(JSON.stringify(await ride(await readScript())));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message, ...error.ride }));
    process.exitCode = 1;
  }
}
