"""The small picture that goes with an alert: where it lies, or will lie in a moment."""

from pathlib import Path

from gateway.jobs.orders import ALERT_PICTURE, PICTURES


def picture_in(folder: Path) -> Path | None:
    """The picture of a revision; the analyst draws it right after the result. None of a scan that was not analysed."""
    path = folder / PICTURES / ALERT_PICTURE
    return path if path.exists() or (folder / "findings.npz").exists() else None
