"""The table ``[viewer]``: what a study can be opened in."""

from pathlib import Path

from pydantic import field_validator

from gateway.section import Section
from viewer_bridge.viewers.links import check_template


class Viewer(Section):
    """Where a study can be opened beside the case page, which shows its pictures without any of them."""

    ohif_dir: Path | None = None
    """The hosted viewer."""
    orthanc_web_viewer: bool = False
    """Offer the viewer that Orthanc brings itself, where its plugin is installed."""
    weasis: bool = False
    """Offer the desktop viewer Weasis, where it is installed at the desks."""
    template: str = ""
    """The site's own viewer: an address with ``{study_uid}``, ``{series_uid}`` and ``{base_url}``."""

    @field_validator("template")
    @classmethod
    def _mentions_known_places(cls, template: str) -> str:
        check_template(template)
        return template
