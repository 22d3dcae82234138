"""What the roles of the team are called: one of them, and all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.team.people import Role
from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Title:
    """A role's name."""

    one: str
    all: str


@dataclass(frozen=True, slots=True)
class Roles:
    """Every role by its value, and what is said of somebody who has none."""

    stroke_doctor: Title
    radiologist: Title
    cath_lab: Title
    sending_hospital: Title
    it: Title
    administrator: Title
    none: str

    def title(self, role: Role) -> Title:
        """A role's name.

        >>> ROLES[Language.FRENCH].title(Role.RADIOLOGIST).all
        'Radiologues'
        """
        found: Title = getattr(self, role.value)
        return found

    def listed(self, roles: Iterable[Role]) -> str:
        """Several roles in a line, always in the same order.

        >>> ROLES[Language.ENGLISH].listed({Role.IT, Role.RADIOLOGIST}), ROLES[Language.ENGLISH].listed(())
        ('Radiologist, IT', 'no role')
        """
        wanted = set(roles)
        return ", ".join(self.title(role).one for role in Role if role in wanted) or self.none


ROLES: Mapping[Language, Roles] = {
    Language.VIETNAMESE: Roles(
        stroke_doctor=Title("Bác sĩ đột quỵ", "Bác sĩ đột quỵ"),
        radiologist=Title("Bác sĩ chẩn đoán hình ảnh", "Bác sĩ chẩn đoán hình ảnh"),
        cath_lab=Title("Đơn vị can thiệp mạch", "Đơn vị can thiệp mạch"),
        sending_hospital=Title("Bệnh viện tuyến trước", "Bệnh viện tuyến trước"),
        it=Title("CNTT", "CNTT"),
        administrator=Title("Quản trị viên", "Quản trị viên"),
        none="chưa có vai trò",
    ),
    Language.ENGLISH: Roles(
        stroke_doctor=Title("Stroke doctor", "Stroke doctors"),
        radiologist=Title("Radiologist", "Radiologists"),
        cath_lab=Title("Cath lab", "Cath lab"),
        sending_hospital=Title("Sending hospital", "Sending hospitals"),
        it=Title("IT", "IT"),
        administrator=Title("Administrator", "Administrators"),
        none="no role",
    ),
    Language.FRENCH: Roles(
        stroke_doctor=Title("Neurologue vasculaire", "Neurologues vasculaires"),
        radiologist=Title("Radiologue", "Radiologues"),
        cath_lab=Title("Équipe interventionnelle", "Équipe interventionnelle"),
        sending_hospital=Title("Hôpital adresseur", "Hôpitaux adresseurs"),
        it=Title("Informatique", "Informatique"),
        administrator=Title("Administrateur", "Administrateurs"),
        none="aucun rôle",
    ),
}
