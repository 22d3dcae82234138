"""What stands around every page, and above an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Frame:
    """Words of every page."""

    title: str
    skip: str
    research: str
    cases: str
    all_cases: str
    back: str
    bad_request: str
    forbidden: str
    not_found: str
    conflict: str
    gone: str
    too_many: str
    unavailable: str
    other: str

    def problem(self, status: HTTPStatus) -> str:
        """What is said above an error.

        >>> FRAMES[Language.FRENCH].problem(HTTPStatus.NOT_FOUND)
        'Introuvable'
        """
        known = {
            HTTPStatus.BAD_REQUEST: self.bad_request,
            HTTPStatus.UNPROCESSABLE_ENTITY: self.bad_request,
            HTTPStatus.UNAUTHORIZED: self.forbidden,
            HTTPStatus.FORBIDDEN: self.forbidden,
            HTTPStatus.NOT_FOUND: self.not_found,
            HTTPStatus.CONFLICT: self.conflict,
            HTTPStatus.GONE: self.gone,
            HTTPStatus.TOO_MANY_REQUESTS: self.too_many,
            HTTPStatus.SERVICE_UNAVAILABLE: self.unavailable,
        }
        return known.get(status, self.other)


FRAMES: Mapping[Language, Frame] = {
    Language.VIETNAMESE: Frame(
        title="Cổng đột quỵ",
        skip="Đến nội dung chính",
        research="Dùng cho nghiên cứu. Không dùng để chẩn đoán chính.",
        cases="Danh sách ca",
        all_cases="Tất cả các ca",
        back="Quay lại",
        bad_request="Chưa thực hiện được",
        forbidden="Không được phép",
        not_found="Không tìm thấy",
        conflict="Không còn phù hợp",
        gone="Không còn hiệu lực",
        too_many="Quá nhiều yêu cầu",
        unavailable="Tạm thời không hoạt động",
        other="Có lỗi",
    ),
    Language.ENGLISH: Frame(
        title="Stroke gateway",
        skip="Skip to content",
        research="Research use. Not for primary diagnosis.",
        cases="Cases",
        all_cases="All cases",
        back="Back",
        bad_request="This was not done",
        forbidden="Not allowed",
        not_found="Not found",
        conflict="No longer fits",
        gone="No longer valid",
        too_many="Too many requests",
        unavailable="Out of service for a moment",
        other="Something went wrong",
    ),
    Language.FRENCH: Frame(
        title="Passerelle AVC",
        skip="Aller au contenu",
        research="Usage de recherche. Ne pas utiliser pour le diagnostic primaire.",
        cases="Cas",
        all_cases="Tous les cas",
        back="Retour",
        bad_request="Rien n’a été fait",
        forbidden="Non autorisé",
        not_found="Introuvable",
        conflict="Ne convient plus",
        gone="Plus valable",
        too_many="Trop de demandes",
        unavailable="Momentanément indisponible",
        other="Une erreur est survenue",
    ),
}
