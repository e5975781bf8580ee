// An OpenHIM whose database is this process's memory: the router and the code for mediators are those of
// openhim-core 4.0.5 from npm, which alone decide. Around them are only what MongoDB would hold, and the login: the API
// takes Basic, as OpenHIM does from the version on that openhim-mediator-utils 0.4 is for, and 4.0.5 did not yet.
//
//   node openhim.js SETTINGS.json
//
// Prints one line of JSON with the ports once it listens: `api` (HTTPS), `front` (HTTP, whom clients ask) and
// `control` (HTTP, for the test: GET /seen, GET /transactions, POST /forget, POST /fail?status=N).
'use strict'

const fs = require('fs')
const http = require('http')
const https = require('https')
const path = require('path')
const { createRequire } = require('module')

const settings = JSON.parse(fs.readFileSync(process.argv[2]))
// Its configuration is a file in its own folder, and it logs what nobody here reads.
const modules = createRequire(path.join(settings.modules, 'node_modules', 'x.js'))
process.chdir(path.dirname(modules.resolve('openhim-core/package.json')))
process.env.NODE_ENV = 'production'
// There is no MongoDB: its connections fail, and nothing asks them.
process.on('unhandledRejection', () => {})
const theirs = createRequire(modules.resolve('openhim-core/package.json'))
theirs('winston').clear()
// It would fetch a list of authorities from the network.
const authorities = theirs.resolve('ssl-root-cas/latest')
theirs.cache[authorities] = { id: authorities, filename: authorities, loaded: true, exports: { inject: () => {} } }

const core = name => modules(`openhim-core/lib/${name}`)
const { connectionAPI, connectionDefault, connectionATNA } = core('config')
for (const connection of [connectionAPI, connectionDefault, connectionATNA]) connection.on('error', () => {})
const utils = core('utils')
core('auditing').sendAuditEvent = (audit, done) => done()
core('middleware/messageStore').setFinalStatus = (ctx, done) => done()
// 4.0.5 asks its routes for TLS 1.0 and nothing else, which we refuse; later versions leave that to Node.
const request = https.request
https.request = (options, done) => {
  delete options.secureProtocol
  return request(options, done)
}
const router = core('middleware/router')
const api = core('api/mediators')
const { MediatorModelAPI } = core('model/mediators')

const registered = new Map()
const found = value => ({ exec: async () => value })
MediatorModelAPI.findOne = ({ urn }) => found(registered.get(urn) || null)
MediatorModelAPI.findByIdAndUpdate = (id, change) => {
  const one = [...registered.values()].find(mediator => mediator._id.equals(id))
  return found(Object.assign(one, change))
}
MediatorModelAPI.prototype.save = async function () {
  await this.validate()
  registered.set(this.urn, this)
}
const authority = { data: fs.readFileSync(settings.ca) }
const keystore = {
  key: fs.readFileSync(settings.key),
  cert: { data: fs.readFileSync(settings.certificate) },
  ca: { id: () => authority }
}
utils.getKeystore = done => done(null, keystore)

const seen = []
const transactions = []
let failing = 0

async function whole (request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function answerApi (request, response) {
  const body = (await whole(request)).toString()
  seen.push({ method: request.method, path: request.url, headers: request.headers, body })
  const basic = 'Basic ' + Buffer.from(`${settings.username}:${settings.password}`).toString('base64')
  if (failing || request.headers.authorization !== basic) {
    response.writeHead(failing || 401)
    return response.end(failing ? 'out of order' : '')
  }
  const ctx = { request: { body: body ? JSON.parse(body) : undefined }, authenticated: { email: settings.username, groups: ['admin'] }, status: 404, body: '' }
  const of = /^\/mediators\/([^/]+)(\/heartbeat)?$/.exec(request.url)
  if (request.url === '/mediators' && request.method === 'POST') await api.addMediator(ctx)
  else if (of && of[2] && request.method === 'POST') await api.heartbeat(ctx, of[1])
  else if (of && !of[2] && request.method === 'GET') { ctx.status = 200; await api.getMediator(ctx, of[1]) }
  response.writeHead(ctx.status)
  response.end(typeof ctx.body === 'object' ? JSON.stringify(ctx.body) : ctx.body || '')
}

// One channel, whose route leads to us; a client shows its name as OpenHIM's own authentication would have found it.
async function answerFront (request, response) {
  const body = await whole(request)
  const header = Object.assign({}, request.headers)
  delete header['x-client']
  delete header['connection']
  const client = request.headers['x-client']
  if (client) header['X-OpenHIM-ClientID'] = client
  header['X-OpenHIM-TransactionID'] = (transactions.length + 1).toString(16).padStart(24, '0')
  const [where, querystring] = request.url.split('?')
  const ctx = {
    path: where,
    body,
    request: { method: request.method, header, querystring, path: where },
    response: { set (name, value) { response.setHeader(name, value) }, redirect (to) { response.setHeader('location', to) } },
    requestTimestamp: new Date(),
    authorisedChannel: { name: 'gateward', routes: settings.routes },
    matchingChannel: { name: 'gateward', routes: settings.routes }
  }
  router.route(ctx, () => {
    transactions.push({ mediatorResponse: ctx.mediatorResponse, orchestrations: ctx.orchestrations, error: ctx.error })
    if (ctx.response.type) response.setHeader('content-type', ctx.response.type)
    response.writeHead(ctx.response.status)
    response.end(ctx.response.body)
  })
}

async function answerControl (request, response) {
  const url = new URL(request.url, 'http://control')
  if (url.pathname === '/seen') return response.end(JSON.stringify(seen))
  if (url.pathname === '/transactions') return response.end(JSON.stringify(transactions))
  if (url.pathname === '/mediators') return response.end(JSON.stringify([...registered.values()]))
  if (url.pathname === '/forget') registered.clear()
  if (url.pathname === '/fail') failing = Number(url.searchParams.get('status'))
  response.end('{}')
}

const listen = server => new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
const guarded = answer => (request, response) => answer(request, response).catch(error => {
  console.error(error)
  response.writeHead(500)
  response.end()
})

async function main () {
  const shown = { key: fs.readFileSync(settings.apiKey), cert: fs.readFileSync(settings.apiCertificate) }
  console.log(JSON.stringify({
    api: await listen(https.createServer(shown, guarded(answerApi))),
    front: await listen(http.createServer(guarded(answerFront))),
    control: await listen(http.createServer(guarded(answerControl)))
  }))
}

main()
