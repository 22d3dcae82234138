"""Results as DICOM objects in the patient's study."""
