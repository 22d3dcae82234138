"""The report for the patient's record, in the languages of its readers."""
