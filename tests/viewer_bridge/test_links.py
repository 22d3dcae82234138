"""Links hold UIDs and nothing else."""

import pytest

from triage.errors import ConfigError, InputError
from viewer_bridge.links import check_template, viewer_link, weasis_link


def test_a_study_link_has_no_series():
    assert viewer_link("http://h:8000", "1.2") == "http://h:8000/viewer/ohif/viewer?StudyInstanceUIDs=1.2"


@pytest.mark.parametrize("uid", ["", "1.2&x=1", "../1", "1..2", "1.2 ", "1" * 65, "NGUYỄN", "١.٢"])
def test_nothing_but_a_uid_enters_a_link(uid):
    with pytest.raises(InputError, match="not a DICOM UID"):
        viewer_link("", uid)
    with pytest.raises(InputError, match="not a DICOM UID"):
        weasis_link("http://h/dicom-web", uid)


@pytest.mark.parametrize("template", ["https://p/{patient_name}", "https://p/{", "{0}", "{study_uid.x}"])
def test_a_template_with_unknown_places_is_refused_at_start(template):
    with pytest.raises(ConfigError, match="may use only"):
        check_template(template)


def test_a_good_template_passes():
    check_template("{base_url}/x?study={study_uid}&series={series_uid}")
