"""Links hold UIDs and nothing else."""

import pytest

from triage.errors import ConfigError, InputError
from viewer_bridge.objects.uids import Role, result_uid
from viewer_bridge.viewers.hanging import Stage, shown_roles
from viewer_bridge.viewers.links import check_template, stroke_link, viewer_link, weasis_link


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


@pytest.mark.parametrize("stage", Stage)
def test_a_stroke_link_names_what_the_stage_shows_and_the_summary_first(stage):
    series = {role: result_uid("1.2.3", role, 2) for role in Role}
    link = stroke_link("", "1.2", series, stage)
    named = link.partition("initialSeriesInstanceUID=")[2].partition("&")[0].split(",")
    assert named == [series[role] for role in shown_roles(stage)]
    assert named[0] == series[Role.PAGES]
    assert link.endswith(f"&hangingprotocolId=stroke&stageId={stage}")
    assert len(link) < 2000


def test_weasis_says_who_it_is():
    assert weasis_link("https://s/dicom-web", "1.2", "w.1").endswith(
        "%20-H%20%22Authorization%3A%20Bearer%20w.1%22"
    )
    with pytest.raises(ConfigError, match="quotation"):
        weasis_link("https://s/dicom-web", "1.2", 'w"')
