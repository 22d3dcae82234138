"""What every page is given in one language."""

from typing import Any

from gateway.console.words.channels import CHANNELS
from gateway.console.words.frame import FRAMES
from gateway.console.words.moments import MOMENTS
from viewer_bridge.report.wording.language import Language


def spoken(language: Language) -> dict[str, Any]:
    """Words of the frame, of moments and of lists of channels, for a template.

    Examples
    --------
    >>> spoken(Language.FRENCH)["lang"]
    'fr'
    """
    return {
        "lang": language.value,
        "frame": FRAMES[language],
        "times": MOMENTS[language],
        "channel_words": CHANNELS[language],
    }
