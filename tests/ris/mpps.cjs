// Sends one procedure step by dcmjs-dimse: begun, completed, and once more changed; prints each status.
const [, , library, port, uid, study, series, count] = process.argv;
const { Client, Dataset, requests, constants } = require(library);
const MPPS = '1.2.840.10008.3.1.2.3.3';
const CT = '1.2.840.10008.5.1.4.1.1.2';

const begun = new requests.NCreateRequest(MPPS, uid);
begun.setDataset(new Dataset({
  SpecificCharacterSet: 'ISO_IR 192',
  ScheduledStepAttributesSequence: [{
    StudyInstanceUID: study, ReferencedStudySequence: [], AccessionNumber: 'A1',
    RequestedProcedureID: 'RP1', ScheduledProcedureStepID: 'S1',
  }],
  PatientName: 'NGUYỄN^THỊ HỒNG', PatientID: 'P1', PatientBirthDate: '', PatientSex: '',
  PerformedProcedureStepID: 'PPS1', PerformedStationAETitle: 'CT01',
  PerformedProcedureStepStartDate: '20260301', PerformedProcedureStepStartTime: '080000',
  PerformedProcedureStepStatus: 'IN PROGRESS', Modality: 'CT', PerformedSeriesSequence: [],
}));
const images = [...Array(Number(count)).keys()].map((n) => ({
  ReferencedSOPClassUID: CT, ReferencedSOPInstanceUID: `${series}.${n + 1}`,
}));
const change = (status) => {
  const request = new requests.NSetRequest(MPPS, uid);
  request.setDataset(new Dataset({
    PerformedProcedureStepStatus: status,
    PerformedProcedureStepEndDate: '20260301', PerformedProcedureStepEndTime: '081000',
    PerformedSeriesSequence: [{
      SeriesInstanceUID: series, ProtocolName: 'CTP', ReferencedImageSequence: images,
      ReferencedNonImageCompositeSOPInstanceSequence: [],
    }],
  }));
  return request;
};
const client = new Client();
for (const request of [begun, change('COMPLETED'), change('DISCONTINUED')]) {
  request.on('response', (response) => console.log('status', response.getStatus()));
  client.addRequest(request);
}
client.on('networkError', (error) => { console.error(error); process.exit(1); });
client.send('127.0.0.1', Number(port), 'CT01', 'STROKEGW');
