"""What IT reads of a trouble: a title in the reader's language, and the finding as it is written on the page of the sources."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.ledger.troubles import Trouble, TroubleKind
from viewer_bridge.report.wording.language import Language


class Title(NamedTuple):
    """One title in every language; ``{subject}`` is a calling title, a channel or a role."""

    english: str
    vietnamese: str
    french: str

    def of(self, language: Language, subject: str) -> str:
        """In one language."""
        texts = {Language.VIETNAMESE: self.vietnamese, Language.FRENCH: self.french}
        return texts.get(language, self.english).format(subject=subject)


TITLES: Mapping[TroubleKind, Title] = {
    TroubleKind.SCANNER_SILENT: Title(
        "No images from {subject}", "Không có ảnh từ {subject}", "Plus d'images de {subject}"
    ),
    TroubleKind.SCANNER_CLOCK: Title(
        "Clock of {subject} is wrong", "Đồng hồ của {subject} sai", "Horloge de {subject} fausse"
    ),
    TroubleKind.OUR_CLOCK: Title(
        "Gateway: its clock is wrong", "Cổng: đồng hồ sai", "Passerelle : horloge fausse"
    ),
    TroubleKind.CHANNEL_DEAD: Title(
        "Alert channel fails: {subject}",
        "Kênh báo động hỏng: {subject}",
        "Canal d'alerte en panne : {subject}",
    ),
    TroubleKind.PHANTOM: Title(
        "Test study does not come through",
        "Ca chụp thử không đi qua được",
        "L'examen d'essai n'aboutit pas",
    ),
    TroubleKind.NOBODY_ON_DUTY: Title(
        "Nobody on duty: {subject}", "Không ai trực: {subject}", "Personne de garde : {subject}"
    ),
    TroubleKind.NOBODY_REACHED: Title(
        "Nobody could be reached: {subject}",
        "Không gọi được ai: {subject}",
        "Personne n'a pu être joint : {subject}",
    ),
}


def title_of(trouble: Trouble, language: Language) -> str:
    """Of a trouble, for a lock screen."""
    return TITLES[trouble.kind].of(language, trouble.subject)
