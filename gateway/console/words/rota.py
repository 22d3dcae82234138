"""The rota: who is on duty now, and the week."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Rota:
    """Words of the page of the week."""

    title: str
    now: str
    you: str
    call: str
    call_whom: str
    hand_over: str
    hand_over_whose: str
    hand_over_from: str
    nobody_on_duty: str
    then: str
    nobody: str
    somebody: str
    # holes ahead
    no_plan: str
    no_plan_why: str
    no_plan_do: str
    hole: str
    these_times: str
    two_weeks: str
    more: str
    one_more: str
    not_called: str
    # the week
    weeks: str
    before: str
    after: str
    this_week: str
    zone: str
    swapped: str
    role: str
    today: str
    change: str
    change_plan: str
    no_shifts: str


ROTAS: Mapping[Language, Rota] = {
    Language.VIETNAMESE: Rota(
        title="Lịch trực",
        now="Đang trực",
        you="bạn",
        call="Gọi",
        call_whom="Gọi {name}",
        hand_over="Bàn giao ca",
        hand_over_whose="Bàn giao ca trực của {name}, {role}",
        hand_over_from="Từ bây giờ đến {time}:",
        nobody_on_duty="Không có ai trực",
        then="Tiếp theo, {time}: {names}",
        nobody="chưa có ai",
        somebody="người không rõ",
        no_plan="{role}: chưa có lịch trực.",
        no_plan_why="Cảnh báo được gửi đến người đang trực, hiện chưa có ai.",
        no_plan_do="Hãy bắt đầu bằng nút “Sửa” bên dưới.",
        hole="{role}: không có ai trực",
        these_times="vào các lúc sau, trong hai tuần tới:",
        two_weeks="trong hai tuần tới",
        more="và {n} lần nữa",
        one_more="và 1 lần nữa",
        not_called="Không mức cảnh báo nào gọi vai trò này theo lịch trực.",
        weeks="Các tuần",
        before="Tuần trước",
        after="Tuần sau",
        this_week="Tuần này",
        zone="Theo giờ {zone}.",
        swapped="đổi ca",
        role="Vai trò",
        today="hôm nay",
        change="Sửa",
        change_plan="Sửa lịch: {role}",
        no_shifts="Chưa có ca trực.",
    ),
    Language.ENGLISH: Rota(
        title="Rota",
        now="On duty now",
        you="you",
        call="Call",
        call_whom="Call {name}",
        hand_over="Hand over",
        hand_over_whose="Hand {name}’s duty over, {role}",
        hand_over_from="From now until {time}:",
        nobody_on_duty="Nobody is on duty",
        then="Then, {time}: {names}",
        nobody="nobody",
        somebody="somebody unknown",
        no_plan="{role}: no rota yet.",
        no_plan_why="Alerts go to whoever is on duty, which is nobody.",
        no_plan_do="Begin with “Change” below.",
        hole="{role}: nobody on duty",
        these_times="at these times of the next two weeks:",
        two_weeks="in the next two weeks",
        more="and {n} more times",
        one_more="and 1 more time",
        not_called="No level of the alerts calls them by the rota.",
        weeks="Weeks",
        before="Week before",
        after="Week after",
        this_week="This week",
        zone="By the clock of {zone}.",
        swapped="by an exception",
        role="Role",
        today="today",
        change="Change",
        change_plan="Change the plan: {role}",
        no_shifts="No shifts.",
    ),
    Language.FRENCH: Rota(
        title="Tableau de garde",
        now="De garde maintenant",
        you="vous",
        call="Appeler",
        call_whom="Appeler {name}",
        hand_over="Transmettre la garde",
        hand_over_whose="Transmettre la garde de {name}, {role}",
        hand_over_from="De maintenant jusqu’à {time} :",
        nobody_on_duty="Personne n’est de garde",
        then="Ensuite, {time} : {names}",
        nobody="personne",
        somebody="quelqu’un d’inconnu",
        no_plan="{role} : pas encore de tableau de garde.",
        no_plan_why="Les alertes vont à qui est de garde, donc à personne.",
        no_plan_do="Commencez par « Modifier » ci-dessous.",
        hole="{role} : personne de garde",
        these_times="à ces moments des deux prochaines semaines :",
        two_weeks="dans les deux prochaines semaines",
        more="et encore {n} fois",
        one_more="et encore 1 fois",
        not_called="Aucun niveau d’alerte ne les appelle d’après le tableau.",
        weeks="Semaines",
        before="Semaine précédente",
        after="Semaine suivante",
        this_week="Cette semaine",
        zone="Heure de la zone {zone}.",
        swapped="remplacement",
        role="Rôle",
        today="aujourd’hui",
        change="Modifier",
        change_plan="Modifier le tableau : {role}",
        no_shifts="Aucune garde.",
    ),
}
