// An OpenID Connect issuer: npm's oidc-provider as it is, with one client that fetches tokens for itself.
//
// node issuer.mjs FOLDER-WITH-NODE_MODULES PORT KID ALGORITHM: a new key named KID signs. Prints `listening` when it does.

import { generateKeyPairSync } from 'node:crypto'
import { pathToFileURL } from 'node:url'

const [modules, port, kid, algorithm] = process.argv.slice(2)
const { default: Provider } = await import(pathToFileURL(`${modules}/node_modules/oidc-provider/lib/index.js`))

const made = algorithm === 'ES256'
  ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  : generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = { ...made.privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: algorithm }
const issuer = `http://localhost:${port}`

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: [{
    client_id: 'jo',
    client_secret: 'a-secret-of-the-client',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: algorithm,
  }],
  scopes: ['read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'read',
        audience: resource === 'urn:fdsn' ? 'fdsn' : 'other',
        accessTokenTTL: 4000,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  extraTokenClaims: () => ({ realm_access: { roles: ['epos/demo'] }, email: 'jo@example.org', email_verified: true }),
})
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'))
