// The OAuth side of a client as both official TypeScript SDKs want it (`OAuthClientProvider`): what is remembered, in
// memory or in a file, and how a person gets to the authorization server's pages.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ride } from './browser.mjs';

export class Provider {
  /** May a browser be opened? Without it, being sent to the authorization server is only noted. */
  interactive = true;
  authorizations = 0;
  #remembered;
  #state;

  constructor(script, listener, emit) {
    this.script = script;
    this.listener = listener;
    this.emit = emit;
    this.#remembered = script.store && existsSync(script.store) ? JSON.parse(readFileSync(script.store, 'utf8')) : {};
  }

  get redirectUrl() {
    return this.listener.url;
  }

  get clientMetadataUrl() {
    return this.script.client_metadata_url;
  }

  get clientMetadata() {
    return {
      client_name: this.script.client_name ?? 'Keyward end-to-end client',
      redirect_uris: [this.listener.url],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: this.script.token_endpoint_auth_method ?? 'none',
      ...(this.script.application_type === undefined ? {} : { application_type: this.script.application_type }),
      ...(this.script.scope === undefined ? {} : { scope: this.script.scope }),
    };
  }

  state() {
    this.#state = randomBytes(16).toString('base64url');
    return this.#state;
  }

  clientInformation() {
    return this.#remembered.client;
  }

  saveClientInformation(client) {
    this.#remember({ client });
    this.emit('client', { client_id: client.client_id, token_endpoint_auth_method: client.token_endpoint_auth_method });
  }

  tokens() {
    return this.#remembered.tokens;
  }

  saveTokens(tokens) {
    this.#remember({ tokens, received_at: Date.now() });
  }

  saveCodeVerifier(verifier) {
    this.#remember({ verifier });
  }

  codeVerifier() {
    return this.#remembered.verifier;
  }

  saveDiscoveryState(discovery) {
    this.#remember({ discovery });
  }

  discoveryState() {
    return this.#remembered.discovery;
  }

  invalidateCredentials(scope) {
    this.emit('invalidated', { scope });
    if (scope === 'all' || scope === 'client') this.#remember({ client: undefined });
    if (scope === 'all' || scope === 'tokens') this.#remember({ tokens: undefined });
    if (scope === 'all' || scope === 'verifier') this.#remember({ verifier: undefined });
    if (scope === 'all' || scope === 'discovery') this.#remember({ discovery: undefined });
  }

  async redirectToAuthorization(url) {
    const asked = Object.fromEntries(url.searchParams);
    this.emit('authorization', { endpoint: url.origin + url.pathname, asked, browser: this.interactive });
    if (!this.interactive) return;
    this.authorizations += 1;
    const { screenshots, ...person } = this.script.person;
    const seen = await ride({
      ...person,
      screenshots: screenshots && join(screenshots, `authorization-${this.authorizations}`),
      start: url.href,
      until: this.listener.url,
    });
    this.emit('pages', { pages: seen.pages, console: seen.console });
  }

  /** What the authorization server answered through the browser, once its `state` is found to be ours. */
  takeAnswer() {
    const answer = this.listener.take();
    if (answer === undefined) throw new Error('no answer came back to the redirect URI');
    if ((answer.get('state') ?? undefined) !== this.#state) throw new Error('the answer carries another state');
    this.emit('answer', { has_code: answer.has('code'), iss: answer.get('iss'), error: answer.get('error') });
    return answer;
  }

  forgetRefreshToken() {
    this.#remember({ tokens: { ...this.#remembered.tokens, refresh_token: undefined } });
  }

  /** When the access token in hand ends, in milliseconds since 1970. */
  expiresAt() {
    const { tokens, received_at: receivedAt } = this.#remembered;
    if (tokens?.expires_in === undefined) throw new Error('the access token has no expires_in');
    return receivedAt + tokens.expires_in * 1000;
  }

  #remember(part) {
    this.#remembered = { ...this.#remembered, ...part };
    if (this.script.store) writeFileSync(this.script.store, JSON.stringify(this.#remembered), { mode: 0o600 });
  }
}
