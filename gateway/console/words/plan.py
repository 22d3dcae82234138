"""One role's plan: the hours of every week, and the exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Plan:
    """Words of the page on which a plan is changed."""

    title: str
    hole: str
    no_one: str
    no_one_do: str
    people: str
    weekly: str
    does_not_count: str
    from_day: str
    until_day: str
    remove: str
    remove_shift: str
    add: str
    who: str
    on: str
    starts: str
    ends: str
    next_day: str
    first_day: str
    last_day: str
    add_weekly: str
    # exceptions
    exceptions: str
    instead_of: str
    as_well: str
    absent: str
    by: str
    remove_exception: str
    none_ahead: str
    add_exception: str
    who_absent: str
    who_instead: str
    nobody: str
    until: str
    why: str
    add_this: str
    rules: str
    handed_over: str


PLANS: Mapping[Language, Plan] = {
    Language.VIETNAMESE: Plan(
        title="Lịch trực: {role}",
        hole="Không có ai trực",
        no_one="Chưa ai có vai trò này.",
        no_one_do="Quản trị viên cấp vai trò ở trang {people}; sau đó mới xếp được lịch trực.",
        people="nhân sự",
        weekly="Hằng tuần",
        does_not_count="không được tính: tài khoản đã đóng hoặc không có vai trò này",
        from_day="từ {day}",
        until_day="đến {day}",
        remove="Xóa",
        remove_shift="Xóa {name}, {day} {starts} đến {ends}",
        add="Thêm ca trực",
        who="Người trực",
        on="Các ngày",
        starts="Từ",
        ends="Đến",
        next_day="Nếu giờ kết thúc không sau giờ bắt đầu thì ca trực kéo sang hôm sau.",
        first_day="Ngày đầu, nếu có",
        last_day="Ngày cuối, nếu có",
        add_weekly="Thêm vào mọi tuần",
        exceptions="Đổi ca, nghỉ trực",
        instead_of="{instead} trực thay {absent}",
        as_well="{instead} trực thêm",
        absent="{absent} nghỉ trực",
        by="{by} ghi",
        remove_exception="Xóa đổi ca {times}",
        none_ahead="Sắp tới không có.",
        add_exception="Thêm đổi ca, nghỉ trực",
        who_absent="Người nghỉ",
        who_instead="Người trực thay",
        nobody="không ai",
        until="Đến",
        why="Lý do, nếu người khác cần biết",
        add_this="Thêm đổi ca",
        rules="Người trực thay làm đúng giờ của người nghỉ, không hơn. Ghi sau thay ghi trước. Theo giờ {zone}.",
        handed_over="bàn giao",
    ),
    Language.ENGLISH: Plan(
        title="Rota: {role}",
        hole="Nobody on duty",
        no_one="Nobody has this role yet.",
        no_one_do="An administrator gives it on the page of the {people}; then they can be put on the rota.",
        people="people",
        weekly="Every week",
        does_not_count="does not count: not active, or without this role",
        from_day="from {day}",
        until_day="until {day}",
        remove="Remove",
        remove_shift="Remove {name}, {day} {starts} to {ends}",
        add="Add hours",
        who="Who",
        on="On",
        starts="From",
        ends="To",
        next_day="An end at or before the beginning is on the next day.",
        first_day="First day, if any",
        last_day="Last day, if any",
        add_weekly="Add to every week",
        exceptions="Exceptions",
        instead_of="{instead} instead of {absent}",
        as_well="{instead} as well",
        absent="{absent} absent",
        by="by {by}",
        remove_exception="Remove the exception of {times}",
        none_ahead="None ahead.",
        add_exception="Add an exception",
        who_absent="Absent",
        who_instead="There instead",
        nobody="nobody",
        until="Until",
        why="Why, if others should know",
        add_this="Add the exception",
        rules="Whoever stands in works the absent one’s hours and no others. The latest word counts. Times are by the clock "
        "of {zone}.",
        handed_over="handed over",
    ),
    Language.FRENCH: Plan(
        title="Tableau de garde : {role}",
        hole="Personne de garde",
        no_one="Personne n’a encore ce rôle.",
        no_one_do="Un administrateur le donne sur la page des {people} ; ensuite le tableau de garde peut être rempli.",
        people="personnes",
        weekly="Chaque semaine",
        does_not_count="ne compte pas : compte fermé, ou sans ce rôle",
        from_day="à partir du {day}",
        until_day="jusqu’au {day}",
        remove="Retirer",
        remove_shift="Retirer {name}, {day} {starts} à {ends}",
        add="Ajouter une garde",
        who="Qui",
        on="Jours",
        starts="De",
        ends="À",
        next_day="Une fin à l’heure du début ou avant est le lendemain.",
        first_day="Premier jour, s’il y en a un",
        last_day="Dernier jour, s’il y en a un",
        add_weekly="Ajouter à chaque semaine",
        exceptions="Remplacements et absences",
        instead_of="{instead} remplace {absent}",
        as_well="{instead} en plus",
        absent="Absence de {absent}",
        by="par {by}",
        remove_exception="Retirer le remplacement {times}",
        none_ahead="Aucun à venir.",
        add_exception="Ajouter un remplacement ou une absence",
        who_absent="Absent(e)",
        who_instead="Remplaçant(e)",
        nobody="personne",
        until="Jusqu’à",
        why="Pourquoi, si les autres doivent le savoir",
        add_this="Ajouter",
        rules="Le remplaçant prend les heures de l’absent et aucune autre. La dernière saisie compte. Heure de la zone {zone}.",
        handed_over="garde transmise",
    ),
}
