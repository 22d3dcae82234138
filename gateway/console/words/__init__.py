"""What the pages say that everybody passes through, in the language of whoever reads them.

One module per subject: a frozen dataclass of words and its three instances, so that a translation that is missing is a
type error. A sentence with a blank in braces is filled by whoever shows it.
"""
