"""A report to send."""

import pytest

from gateway.hl7.building import message, segment


@pytest.fixture(scope="session")
def make_report():
    """A message with a control id and letters beyond ASCII."""

    def report():
        header = {1: "^~\\&", 2: "STROKEGW", 8: "ORU^R01^ORU_R01", 9: "CTRL0001", 10: "P", 11: "2.5.1"}
        name = {5: "NGUYỄN^VĂN A^^^BS^^L^A"}
        return message([segment("MSH", header), segment("PID", {1: "1", 3: "BN-0007", **name})])

    return report
