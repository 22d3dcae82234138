"""Links to viewers, computed from UIDs alone: a link never waits for an object to be stored."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from triage.errors import ConfigError, InputError
from viewer_bridge.objects.uids import Role
from viewer_bridge.viewers.hanging import PROTOCOL, Stage, shown_roles

UID = re.compile(r"[0-9]+(\.[0-9]+)*")
LONGEST_UID = 64
"""PS3.5 9.1."""

OHIF = "{base_url}/viewer/ohif/viewer?StudyInstanceUIDs={study_uid}"
OHIF_SERIES = OHIF + "&initialSeriesInstanceUID={series_uid}"
OHIF_HUNG = "&hangingprotocolId={protocol}&stageId={stage}"
ORTHANC_EXPLORER = "{orthanc_url}/app/explorer.html#study?uuid={orthanc_id}"
ORTHANC_WEB_VIEWER = "{orthanc_url}/web-viewer/app/viewer.html?series={orthanc_id}"
WEASIS_COMMAND = '$dicom:rs --url "{dicomweb_url}" -r "studyUID={study_uid}"'
WEASIS_HEADER = ' -H "Authorization: Bearer {word}"'

PLACES = frozenset({"base_url", "study_uid", "series_uid"})
"""What a site's own template may mention."""


def checked_uid(text: str) -> str:
    """Return `text` when it is a UID.

    Raises
    ------
    InputError
        It is not; nothing else may enter a URL.

    Examples
    --------
    >>> checked_uid("1.2.840")
    '1.2.840'
    """
    if len(text) > LONGEST_UID or not UID.fullmatch(text):
        raise InputError(f"not a DICOM UID: {text[:LONGEST_UID]!r}")
    return text


def viewer_link(base_url: str, study_uid: str, series_uid: str = "", template: str = "") -> str:
    """Return the link that opens a study in the viewer, on `series_uid` when given.

    Parameters
    ----------
    base_url
        Where people reach the gateway, such as ``https://stroke.example``; empty for a link relative to its origin.
    study_uid, series_uid
        DICOM UIDs; the series decides what is seen first, for example the segmentation.
    template
        A site's own viewer, with ``{base_url}``, ``{study_uid}`` and ``{series_uid}``; empty for the hosted one.

    Raises
    ------
    InputError
        A UID is malformed.
    ConfigError
        The template mentions anything else.

    Examples
    --------
    >>> viewer_link("https://stroke.example/", "1.2", "1.2.3")
    'https://stroke.example/viewer/ohif/viewer?StudyInstanceUIDs=1.2&initialSeriesInstanceUID=1.2.3'
    >>> viewer_link("", "1.2", "1.3", "https://pacs.example/view?s={study_uid}")
    'https://pacs.example/view?s=1.2'
    """
    values = {
        "base_url": base_url.rstrip("/"),
        "study_uid": checked_uid(study_uid),
        "series_uid": checked_uid(series_uid) if series_uid else "",
    }
    return _filled(template or (OHIF_SERIES if series_uid else OHIF), values)


def stroke_link(base_url: str, study_uid: str, series_uids: Mapping[Role, str], stage: Stage) -> str:
    """Return the link that opens a study in the hosted OHIF, hung for stroke.

    Parameters
    ----------
    base_url, study_uid
        As in `viewer_link`.
    series_uids
        Our series of the newest revision; of several revisions the viewer takes these.
    stage
        What there is to show.

    Raises
    ------
    InputError
        A UID is malformed.

    Examples
    --------
    >>> stroke_link("", "1.2", {Role.PAGES: "1.3"}, Stage.IMAGES)
    '/viewer/ohif/viewer?StudyInstanceUIDs=1.2&initialSeriesInstanceUID=1.3&hangingprotocolId=stroke&stageId=images'
    """
    named = ",".join(checked_uid(series_uids[role]) for role in shown_roles(stage) if role in series_uids)
    plain = OHIF_SERIES.format(
        base_url=base_url.rstrip("/"), study_uid=checked_uid(study_uid), series_uid=named
    )
    return plain + OHIF_HUNG.format(protocol=PROTOCOL, stage=stage)


def orthanc_explorer_link(orthanc_url: str, orthanc_id: str) -> str:
    """Return the link to a study in Orthanc Explorer; `orthanc_id` is Orthanc's own, not a UID.

    Examples
    --------
    >>> orthanc_explorer_link("http://localhost:8042", "ab-cd")
    'http://localhost:8042/app/explorer.html#study?uuid=ab-cd'
    """
    return ORTHANC_EXPLORER.format(orthanc_url=orthanc_url.rstrip("/"), orthanc_id=quote(orthanc_id, safe=""))


def orthanc_viewer_link(orthanc_url: str, orthanc_id: str) -> str:
    """Return the link to a series in the web viewer that is a plugin of Orthanc; `orthanc_id` is Orthanc's own.

    Examples
    --------
    >>> orthanc_viewer_link("/orthanc", "ab-cd")
    '/orthanc/web-viewer/app/viewer.html?series=ab-cd'
    """
    return ORTHANC_WEB_VIEWER.format(
        orthanc_url=orthanc_url.rstrip("/"), orthanc_id=quote(orthanc_id, safe="")
    )


def weasis_link(dicomweb_url: str, study_uid: str, word: str = "") -> str:
    """Return the link that starts the Weasis desktop viewer; spaces must be %20 there, not plus signs.

    `word` is what the viewer says as bearer; a desktop program has no cookie of ours.

    Examples
    --------
    >>> weasis_link("https://s/dicom-web", "1.2")
    'weasis://?%24dicom%3Ars%20--url%20%22https%3A%2F%2Fs%2Fdicom-web%22%20-r%20%22studyUID%3D1.2%22'
    """
    if '"' in dicomweb_url + word:
        raise ConfigError("the DICOMweb URL or the bearer contains a quotation mark")
    command = WEASIS_COMMAND.format(dicomweb_url=dicomweb_url.rstrip("/"), study_uid=checked_uid(study_uid))
    command += WEASIS_HEADER.format(word=word) if word else ""
    return f"weasis://?{quote(command, safe='')}"


def check_template(template: str) -> None:
    """Refuse a viewer template with unknown places, at start rather than at the first alert.

    Raises
    ------
    ConfigError
        Naming what may be used.
    """
    _filled(template, dict.fromkeys(PLACES, ""))


def _filled(template: str, values: Mapping[str, str]) -> str:
    try:
        return template.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(f"viewer template {template!r} may use only {sorted(PLACES)}") from error
