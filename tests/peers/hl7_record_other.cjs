// A second medical record that is not ours: node-hl7-server, with or without mutual TLS.
// node hl7_record_other.cjs FOLDER_WITH_NODE_MODULES PORT [CERTIFICATE KEY AUTHORITIES]
const fs = require('node:fs');
const { createRequire } = require('node:module');
const [folder, port, certificate, key, authorities] = process.argv.slice(2);
const { Server } = createRequire(`${folder}/`)('node-hl7-server');

const tls = certificate && {
  cert: fs.readFileSync(certificate),
  key: fs.readFileSync(key),
  ca: fs.readFileSync(authorities),
  requestCert: true,
  rejectUnauthorized: true,
};
const server = new Server({ bindAddress: '127.0.0.1', ...(tls ? { tls } : {}) });
const inbound = server.createInbound({ port: Number(port), encoding: 'utf-8' }, async (request, response) => {
  const message = request.getMessage();
  const told = {
    control: message.get('MSH.10').toString(),
    family: message.get('PID.5.1').toString(),
    given: message.get('PID.5.2').toString(),
  };
  process.stdout.write(JSON.stringify(told) + '\n');
  await response.sendResponse('AA');
});
inbound.on('listen', () => process.stdout.write('ready\n'));
