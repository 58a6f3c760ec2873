// Tokens of the shape that Stytch documents, and what is wrong with them in `../stytch/variants.json`.
//
// A variant: name
//            kind      "session" begins with the claims of a session JWT, else with those of a Connected Apps access token
//            claims, header   members that differ; null takes one away, { "null": true } is a null,
//                             { "in": s } the time in s seconds, { "text_in": s } the same as text, { "ms_in": s } in milliseconds,
//                             ${…} one of the words of `wordsOf`
//            header_order     the members in this order
//            key       which key signs: "current" (default), "previous", "elliptic", "edwards" of the set, "stranger" not of it
//            sign      how, where the header's alg says otherwise: an algorithm, "none", "hmac-…" with a public key as secret
//            unencoded the payload is signed as it is (RFC 7797)
//            damage    done to the finished token: see DAMAGES
import { createHmac, constants, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const encode = bytes => Buffer.from(bytes).toString('base64url');
const SESSION_CLAIM = 'https://stytch.com/session';

const KINDS = {
  current: ['rsa', { modulusLength: 2048 }],
  previous: ['rsa', { modulusLength: 2048 }],
  elliptic: ['ec', { namedCurve: 'P-256' }],
  edwards: ['ed25519'],
  stranger: ['rsa', { modulusLength: 2048 }],
};
const ALGORITHMS = { elliptic: 'ES256', edwards: 'EdDSA' };

/** The project's keys, new ones or these; the set publishes all but the stranger's, with the members that Stytch's has. */
export function makeKeys(kept = {}) {
  return Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => {
    const privateKey = kept[name] ? createPrivateKey({ key: kept[name], format: 'jwk' }) : generateKeyPairSync(...kind).privateKey;
    const publicKey = createPublicKey(privateKey);
    const kid = `jwk-test-${name}-aQ`;
    const alg = ALGORITHMS[name] ?? 'RS256';
    return [name, { kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), alg, key_ops: ['verify'], kid, use: 'sig' } }];
  }));
}

/** What makeKeys is given to make the same once more. */
export const privateParts = keys =>
  Object.fromEntries(Object.entries(keys).map(([name, { privateKey }]) => [name, privateKey.export({ format: 'jwk' })]));

export const publicSet = ({ stranger: _, ...keys }) => ({ keys: Object.values(keys).map(({ jwk }) => jwk) });

function wordsOf(project, keys) {
  return {
    ...project,
    PROJECT_ID: project.project_id.toUpperCase(),
    issuer_rest: project.issuer.replace(/^http/, ''),
    kid: keys.current.kid,
    KID: keys.current.kid.toUpperCase(),
    previous_kid: keys.previous.kid,
    elliptic_kid: keys.elliptic.kid,
    stranger_jwk: keys.stranger.jwk,
    session: session(Date.now() / 1000),
  };
}

function session(now) {
  const text = seconds => new Date((now + seconds) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    id: 'session-test-fe6c042b-6286-479f-8a4f-b046a6c46509',
    started_at: text(-120),
    last_accessed_at: text(-60),
    expires_at: text(3480),
    attributes: { ip_address: '203.0.113.1', user_agent: 'Mozilla/5.0' },
    authentication_factors: [{
      created_at: text(-120), delivery_method: 'email', last_authenticated_at: text(-120), type: 'magic_link', updated_at: text(-120),
      email_factor: { email_address: 'ada@example.com', email_id: 'email-test-81bf03a8-86e1-4d95-bd44-bb3495224953' },
    }],
    roles: ['stytch_user'],
  };
}

/** https://stytch.com/docs, "Connected App Access Token Object" and "Session JWTs". */
function claimsOf(kind, { issuer, project_id }, now) {
  const common = { iss: issuer, sub: 'user-test-16d9ba61-97a1-4ba4-9720-b03761dc50c6', aud: [project_id], iat: now - 60, nbf: now - 60 };
  if (kind === 'session') return { ...common, exp: now + 240, [SESSION_CLAIM]: session(now) };
  return {
    ...common,
    client_id: 'connected-app-test-d731954d-dab3-4a2b-bdee-07f3ad1be888',
    exp: now + 3540,
    jti: 'LOe49j3s9d9dmacslUvrb15ZIjPbptMm7fS5UlE52JCF',
    scope: 'openid notes:read',
  };
}

function filled(value, words, now) {
  if (typeof value === 'string') {
    const whole = /^\$\{(\w+)\}$/.exec(value);
    return whole ? words[whole[1]] : value.replace(/\$\{(\w+)\}/g, (_, word) => words[word]);
  }
  if (Array.isArray(value)) return value.map(item => filled(item, words, now));
  if (value === null || typeof value !== 'object') return value;
  if (value.null) return null;
  if (value.in !== undefined) return now + value.in;
  if (value.text_in !== undefined) return String(now + value.text_in);
  if (value.ms_in !== undefined) return (now + value.ms_in) * 1000;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [filled(name, words, now), filled(item, words, now)]));
}

function changed(base, changes, words, now) {
  const all = { ...base };
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (value === null) delete all[name];
    else all[name] = filled(value, words, now);
  }
  return all;
}

function signature(how, input, key, keys) {
  const published = keys.current;
  switch (how) {
    case 'none': return Buffer.alloc(0);
    case 'hmac-pem': return createHmac('sha256', published.publicKey.export({ type: 'spki', format: 'pem' })).update(input).digest();
    case 'hmac-modulus': return createHmac('sha256', Buffer.from(published.jwk.n, 'base64url')).update(input).digest();
    case 'hmac-empty': return createHmac('sha256', '').update(input).digest();
    case 'ES256': return sign('sha256', input, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA': return sign(null, input, key.privateKey);
    case 'PS256': return sign('sha256', input, { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
    default: return sign(`sha${how.slice(2)}`, input, key.privateKey);
  }
}

// What is done to a token of three parts; `again(payload, header)` signs these texts as they are with the current key.
const DAMAGES = {
  'no-signature': ([h, p]) => `${h}.${p}.`,
  'cut-signature': ([h, p, s]) => `${h}.${p}.${s.slice(0, -8)}`,
  'turned-bit': ([h, p, s]) => `${h}.${p}.${encode(Buffer.from(s, 'base64url').map((byte, at) => (at === 100 ? byte ^ 1 : byte)))}`,
  'leading-zero': ([h, p, s]) => `${h}.${p}.${encode(Buffer.concat([Buffer.alloc(1), Buffer.from(s, 'base64url')]))}`,
  'other-signature': ([h, p], again) => `${h}.${p}.${again('{}').split('.')[2]}`,
  'claims-changed': ([h, p, s]) => `${h}.${encode(Buffer.from(p, 'base64url').toString().replace('notes:read', 'notes:write'))}.${s}`,
  'header-changed': ([h, p, s]) => `${encode(JSON.stringify({ ...JSON.parse(Buffer.from(h, 'base64url')), note: 1 }))}.${p}.${s}`,
  'padding': ([h, p, s]) => `${h}.${p}.${s}==`,
  'plain-base64': ([h, p, s]) => `${h}.${p}.${Buffer.from(s, 'base64url').toString('base64').replace(/=+$/, '')}`,
  // 256 bytes leave 4 bits of the last letter unused.
  'loose-bits': ([h, p, s]) => `${h}.${p}.${s.slice(0, -1)}${LETTERS[LETTERS.indexOf(s.at(-1)) + 1]}`,
  'fourth-part': ([h, p, s]) => `${h}.${p}.${s}.${s}`,
  'two-parts': ([h, p]) => `${h}.${p}`,
  'empty-claims': (_, again) => again(''),
  'not-json': (_, again) => again('claims'),
  'list-claims': (parts, again) => again(`[${text(parts)}]`),
  'not-utf8': (parts, again) => again(Buffer.concat([Buffer.from(text(parts).slice(0, -1)), Buffer.from(',"note":"\xff\xfe"}', 'latin1')])),
  'aud-twice-ours-last': (parts, again) => again(text(parts).replace('{', '{"aud":["project-test-another"],')),
  'aud-twice-ours-first': (parts, again) => again(text(parts).replace(/}$/, ',"aud":["project-test-another"]}')),
  'alg-twice': (parts, again) => again(text(parts), Buffer.from(parts[0], 'base64url').toString().replace('{', '{"alg":"none",')),
  'nested': ([h, p, s], again) => again(`${h}.${p}.${s}`, JSON.stringify({ ...JSON.parse(Buffer.from(h, 'base64url')), cty: 'JWT' })),
  'opaque': () => 'PvC5UudZ7TPZbELt95yXAQ-8MeEUCRob8bUQ-g52fIJs',
};
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const text = ([, payload]) => Buffer.from(payload, 'base64url').toString();

export function mint(variant, project, keys) {
  const now = Math.floor(Date.now() / 1000);
  const words = wordsOf(project, keys);
  const key = keys[variant.key ?? 'current'];
  let header = changed({ typ: 'JWT', alg: 'RS256', kid: key.kid }, variant.header, words, now);
  if (variant.header_order) header = Object.fromEntries(variant.header_order.map(name => [name, header[name]]));
  const payload = JSON.stringify(changed(claimsOf(variant.kind, project, now), variant.claims, words, now));
  const parts = [encode(JSON.stringify(header)), encode(payload)];
  const signed = variant.unencoded ? `${parts[0]}.${payload}` : parts.join('.');
  parts.push(encode(signature(variant.sign ?? 'RS256', Buffer.from(signed), key, keys)));
  if (variant.damage === undefined) return parts.join('.');
  const again = (claims, head = Buffer.from(parts[0], 'base64url')) => {
    const input = `${encode(head)}.${encode(claims)}`;
    return `${input}.${encode(signature('RS256', Buffer.from(input), keys.current, keys))}`;
  };
  return DAMAGES[variant.damage](parts, again);
}
