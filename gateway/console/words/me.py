"""One's own page: channels, duties, and how one logs in."""

# ruff: noqa: S106 - what a field for a secret is called is none
from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Me:
    """Words of the page and of those below it."""

    title: str
    nobody: str
    nobody_link: str
    # how alerts reach me
    reach: str
    unreached: str
    unreached_do: str
    order: str
    language: str
    save: str
    test: str
    last_test: str
    devices: str
    added: str
    none: str
    ring_here: str
    # duties
    duties: str
    no_duties: str
    rota: str
    rota_hand_over: str
    calendar: str
    calendar_title: str
    on_duty: str
    # how I log in
    account: str
    password: str
    password_set: str
    password_none: str
    change: str
    change_password: str
    codes: str
    codes_left: str
    codes_none: str
    set_up: str
    set_codes_up: str
    new_recovery: str
    remove: str
    remove_it: str
    passkey: str
    used: str
    add_passkey: str
    again: str
    again_why: str
    sessions: str
    this_one: str
    end: str
    end_it: str
    end_others: str
    # the password
    my_password: str
    present: str
    new: str
    others_end: str


ME: Mapping[Language, Me] = {
    Language.VIETNAMESE: Me(
        title="Tài khoản của tôi",
        nobody="Bạn vào bằng mã truy cập của bệnh viện, không phải bằng tài khoản cá nhân: không cảnh báo nào đến được. Hãy "
        "tạo tài khoản cho mình ở trang {people} rồi đăng nhập bằng tài khoản đó.",
        nobody_link="nhân sự",
        reach="Cảnh báo đến tôi qua đâu",
        unreached="Không cảnh báo nào đến được bạn.",
        unreached_do="Hãy bật chuông cho một thiết bị ở bên dưới, hoặc thêm kênh khác.",
        order="Kênh đầu được thử trước; nếu không được, hoặc điện thoại không xác nhận, kênh kế tiếp được gọi trong vòng 10 s.",
        language="Ngôn ngữ của trang và cảnh báo",
        save="Lưu",
        test="Gửi cảnh báo thử cho tôi",
        last_test="Lần thử gần nhất",
        devices="Thiết bị đổ chuông",
        added="thêm {time}",
        none="Chưa có.",
        ring_here="Để thiết bị này đổ chuông: bật ở trang điện thoại",
        duties="Lịch trực của tôi",
        no_duties="Không có ca trực nào trong bốn tuần tới.",
        rota="Lịch trực",
        rota_hand_over="Lịch trực, bàn giao ca",
        calendar="Tệp lịch cho điện thoại",
        calendar_title="Lịch trực",
        on_duty="Ca trực: {role}",
        account="Cách tôi đăng nhập",
        password="Mật khẩu",
        password_set="đã đặt",
        password_none="chưa có",
        change="Đổi",
        change_password="Đổi mật khẩu",
        codes="Mã xác thực dùng một lần",
        codes_left="đã thiết lập, còn {n} mã khôi phục",
        codes_none="chưa thiết lập",
        set_up="Thiết lập",
        set_codes_up="Thiết lập mã xác thực dùng một lần",
        new_recovery="Mã khôi phục mới",
        remove="Xóa",
        remove_it="Xóa {what}",
        passkey="Khóa truy cập (passkey): {label}",
        used="dùng {time}",
        add_passkey="Thêm khóa truy cập",
        again="Đăng nhập lại",
        again_why="Đăng nhập đã quá 15 phút: muốn đổi mã hoặc khóa truy cập, hãy đăng nhập lại.",
        sessions="Phiên đăng nhập",
        this_one="phiên này",
        end="Kết thúc",
        end_it="Kết thúc phiên {device}",
        end_others="Kết thúc mọi phiên khác và mọi liên kết cảnh báo",
        my_password="Mật khẩu của tôi",
        present="Mật khẩu hiện tại",
        new="Mật khẩu mới, ít nhất {shortest} ký tự: vài từ liền nhau",
        others_end="Mọi phiên khác của bạn sẽ kết thúc.",
    ),
    Language.ENGLISH: Me(
        title="My channels",
        nobody="You came with the site’s access token, which is nobody: no alert can reach it. Add an account for yourself "
        "on the page of the {people}, and log in with it.",
        nobody_link="people",
        reach="How alerts reach me",
        unreached="No alert reaches you.",
        unreached_do="Let a device ring below, or add another channel.",
        order="The first is tried first; where it fails, or a phone does not confirm, the next follows within 10 s.",
        language="Language of pages and alerts",
        save="Save",
        test="Send me a test alarm",
        last_test="Last test",
        devices="Devices that ring",
        added="added {time}",
        none="None.",
        ring_here="Let this device ring: switch it on on the phone page",
        duties="When I am on duty",
        no_duties="Not within the next four weeks.",
        rota="Rota",
        rota_hand_over="Rota, and hand over",
        calendar="Calendar file",
        calendar_title="Duties",
        on_duty="On duty: {role}",
        account="How I log in",
        password="Password",
        password_set="chosen",
        password_none="none",
        change="Change",
        change_password="Change the password",
        codes="One-time codes",
        codes_left="set up, {n} recovery codes left",
        codes_none="not set up",
        set_up="Set up",
        set_codes_up="Set one-time codes up",
        new_recovery="New recovery codes",
        remove="Remove",
        remove_it="Remove {what}",
        passkey="Passkey: {label}",
        used="used {time}",
        add_passkey="Add a passkey",
        again="Log in again",
        again_why="You logged in more than 15 minutes ago: to change codes or passkeys, log in again.",
        sessions="Sessions",
        this_one="this one",
        end="End",
        end_it="End the session {device}",
        end_others="End all others, and all links of alerts",
        my_password="My password",
        present="Present password",
        new="New password, at least {shortest} characters: a few words in a row",
        others_end="All your other sessions end.",
    ),
    Language.FRENCH: Me(
        title="Mon compte",
        nobody="Vous êtes venu avec le jeton d’accès du site, qui n’est personne : aucune alerte ne peut l’atteindre. Créez "
        "votre compte sur la page des {people}, et connectez-vous avec lui.",
        nobody_link="personnes",
        reach="Comment les alertes me joignent",
        unreached="Aucune alerte ne vous atteint.",
        unreached_do="Faites sonner un appareil ci-dessous, ou ajoutez un autre canal.",
        order="Le premier est essayé d’abord ; s’il échoue, ou si un téléphone ne confirme pas, le suivant part en 10 s.",
        language="Langue des pages et des alertes",
        save="Enregistrer",
        test="M’envoyer une alerte d’essai",
        last_test="Dernier essai",
        devices="Appareils qui sonnent",
        added="ajouté {time}",
        none="Aucun.",
        ring_here="Faire sonner cet appareil : l’activer sur la page du téléphone",
        duties="Mes gardes",
        no_duties="Aucune garde dans les quatre prochaines semaines.",
        rota="Tableau de garde",
        rota_hand_over="Tableau de garde, transmettre",
        calendar="Fichier d’agenda",
        calendar_title="Gardes",
        on_duty="De garde : {role}",
        account="Comment je me connecte",
        password="Mot de passe",
        password_set="choisi",
        password_none="aucun",
        change="Changer",
        change_password="Changer le mot de passe",
        codes="Codes à usage unique",
        codes_left="en place, {n} codes de secours restants",
        codes_none="pas en place",
        set_up="Mettre en place",
        set_codes_up="Mettre en place les codes à usage unique",
        new_recovery="Nouveaux codes de secours",
        remove="Retirer",
        remove_it="Retirer {what}",
        passkey="Clé d’accès (passkey) : {label}",
        used="utilisée {time}",
        add_passkey="Ajouter une clé d’accès",
        again="Se reconnecter",
        again_why="Votre connexion date de plus de 15 minutes : pour changer codes ou clés d’accès, reconnectez-vous.",
        sessions="Sessions",
        this_one="celle-ci",
        end="Terminer",
        end_it="Terminer la session {device}",
        end_others="Terminer toutes les autres, et tous les liens d’alertes",
        my_password="Mon mot de passe",
        present="Mot de passe actuel",
        new="Nouveau mot de passe, au moins {shortest} caractères : quelques mots à la suite",
        others_end="Toutes vos autres sessions prennent fin.",
    ),
}
