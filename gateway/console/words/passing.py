"""A link for a colleague outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Passing:
    """Words of the page that shows such a link."""

    case: str
    title: str
    what: str
    link: str


PASSING: Mapping[Language, Passing] = {
    Language.VIETNAMESE: Passing(
        case="Ca {id}",
        title="Liên kết cho đồng nghiệp",
        what="Ai có liên kết này sẽ xem được một ca chụp này, kèm tên người bệnh, đến {until}. Liên kết không thay đổi được "
        "gì và không mở gì khác. Có thể thu hồi mọi liên kết của ca trên trang của ca; trước đó liên kết vẫn mở: hãy gửi cẩn "
        "thận như gửi chính hình ảnh.",
        link="Liên kết",
    ),
    Language.ENGLISH: Passing(
        case="Case {id}",
        title="Link for a colleague",
        what="Whoever has this link sees this one study, with the patient’s name, until {until}. It changes nothing and "
        "opens nothing else. All links of a case can be taken back on its page; until then it opens: send it like the images "
        "themselves.",
        link="Link",
    ),
    Language.FRENCH: Passing(
        case="Cas {id}",
        title="Lien pour un confrère",
        what="Quiconque a ce lien voit ce seul examen, avec le nom du patient, jusqu’au {until}. Il ne change rien et "
        "n’ouvre rien d’autre. Tous les liens d’un cas peuvent être retirés sur sa page ; d’ici là il ouvre : envoyez-le comme "
        "les images elles-mêmes.",
        link="Lien",
    ),
}
