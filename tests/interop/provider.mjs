// An OpenID provider of CIS2's shape: npm's oidc-provider, with its own sign-in pages, which take
// any number of 12 digits for a person who signed in strongly. Usage:
//   node provider.mjs FOLDER CLIENT_JWK LOGOUT_URI
// FOLDER has node_modules. The first line out is the issuer. Each line in is a command, answered by
// a line: `rotate` signs with a new key from now on, and the old one is published no longer.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

// It advises those who deploy it, in the lines that are answers here.
console.info = console.warn = () => {};

const [folder, clientJwk, logoutUri] = process.argv.slice(2);
const main = `${folder}/node_modules/oidc-provider/lib/index.js`;
const { default: Provider } = await import(pathToFileURL(main));

// What outlives a change of keys: sessions, grants, codes.
const kept = new Map();
class Adapter {
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    kept.set(this.key(id), payload);
  }
  async find(id) {
    return kept.get(this.key(id));
  }
  async findByUid(uid) {
    return [...kept.values()].find((one) => one.uid === uid && one.kind === this.model);
  }
  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    kept.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of kept) {
      if (payload.grantId === grantId) kept.delete(key);
    }
  }
}

let number = 0;
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  number += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${number}`, use: 'sig', alg: 'RS256' };
}

function provider(issuer) {
  return new Provider(issuer, {
    adapter: Adapter,
    jwks: { keys: [signingKey()] },
    cookies: { keys: ['of this test alone'] },
    conformIdTokenClaims: false,
    claims: {
      openid: ['sub', 'id_assurance_level', 'authentication_assurance_level', 'nhsid_nrbac_roles'],
    },
    clients: [
      {
        client_id: 'wardcard-test',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [JSON.parse(readFileSync(clientJwk, 'utf8'))] },
        require_auth_time: true,
        backchannel_logout_uri: logoutUri,
        backchannel_logout_session_required: true,
      },
    ],
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    pkce: { methods: ['S256'], required: () => true },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        id_assurance_level: '3',
        authentication_assurance_level: '3',
        nhsid_nrbac_roles: [
          { person_roleid: '555000000100', org_code: 'A83002', role_code: 'S0030:G0100:R0570' },
        ],
      }),
    }),
  });
}

let current;
const server = createServer((request, response) => current.callback()(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  current = provider(issuer);
  console.log(issuer);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      if (line === 'rotate') current = provider(issuer);
      console.log(`done ${line}`);
    })
    .on('close', () => process.exit(0));
});
