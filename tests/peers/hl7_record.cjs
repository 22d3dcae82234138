// A medical record that is not ours: an MLLP server of @medplum/hl7. It acknowledges every message and writes it, as its own
// parser reads it, as one line of JSON.
// node hl7_record.cjs FOLDER_WITH_NODE_MODULES PORT
const { createRequire } = require('node:module');
const [folder, port] = process.argv.slice(2);
const { Hl7Server } = createRequire(`${folder}/`)('@medplum/hl7');

const server = new Hl7Server((connection) => {
  connection.addEventListener('message', ({ message }) => {
    const observations = message.getAllSegments('OBX').map((obx) => ({
      type: obx.getField(2).toString(),
      code: obx.getComponent(3, 1),
      value: obx.getField(5).toString(),
      status: obx.getField(11).toString(),
    }));
    const told = {
      control: message.getSegment('MSH').getField(10).toString(),
      kind: message.getSegment('MSH').getField(9).toString(),
      name: message.getSegment('PID').getComponent(5, 1) + ' ' + message.getSegment('PID').getComponent(5, 2),
      numbers: message.getSegment('PID').getField(3).toString(),
      observations,
    };
    process.stdout.write(JSON.stringify(told) + '\n');
    connection.send(message.buildAck());
  });
});
server.start(Number(port), 'utf-8');
process.stdout.write('ready\n');
