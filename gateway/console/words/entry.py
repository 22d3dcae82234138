"""The way in: logging in, the second step, and the first time."""

# ruff: noqa: S106 - what a field for a secret is called is none
from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Entry:
    """Words of the pages of the way in."""

    log_in: str
    login: str
    password: str
    with_passkey: str
    with_provider: str
    with_token: str
    token: str
    token_place: str
    languages: str
    second: str
    second_code: str
    go_on: str
    use_passkey: str
    neither: str
    enrol: str
    enrol_why: str
    on_this_device: str
    my_device: str
    make_passkey: str
    app: str
    keep_codes: str
    choose: str
    welcome: str
    your_login: str
    new: str
    rule: str
    again: str
    choose_this: str


ENTRIES: Mapping[Language, Entry] = {
    Language.VIETNAMESE: Entry(
        log_in="Đăng nhập",
        login="Tên đăng nhập",
        password="Mật khẩu",
        with_passkey="Đăng nhập bằng khóa truy cập (passkey)",
        with_provider="Đăng nhập bằng {name}",
        with_token="Bằng mã truy cập của bệnh viện",
        token="Mã truy cập",
        token_place="Mã nằm trong tệp {file} của thư mục dữ liệu.",
        languages="Ngôn ngữ",
        second="Xác thực bước hai",
        second_code="Mã xác thực trong ứng dụng, hoặc một mã khôi phục",
        go_on="Tiếp tục",
        use_passkey="Dùng khóa truy cập (passkey)",
        neither="Không có sẵn cả hai? Quản trị viên có thể đặt lại tài khoản của bạn.",
        enrol="Thiết lập xác thực bước hai",
        enrol_why="Vai trò của bạn cho phép thay đổi nhiều thứ nên chỉ mật khẩu là chưa đủ. Hãy chọn một cách; sau này có "
        "thể thêm cách khác.",
        on_this_device="Khóa truy cập (passkey) trên thiết bị này",
        my_device="máy của tôi",
        make_passkey="Tạo khóa truy cập",
        app="Ứng dụng xác thực",
        keep_codes="Hãy cất các mã khôi phục này",
        choose="Chọn mật khẩu",
        welcome="Xin chào {name}",
        your_login="Tên đăng nhập của bạn",
        new="Chọn mật khẩu",
        rule="Ít nhất {shortest} ký tự; vài từ liền nhau là dễ nhớ nhất.",
        again="Nhập lại mật khẩu",
        choose_this="Dùng mật khẩu này",
    ),
    Language.ENGLISH: Entry(
        log_in="Log in",
        login="Login",
        password="Password",
        with_passkey="Log in with a passkey",
        with_provider="Log in with {name}",
        with_token="With the site’s access token",
        token="Access token",
        token_place="It is in the file {file} of the data directory.",
        languages="Language",
        second="One more proof",
        second_code="Code of your authenticator app, or a recovery code",
        go_on="Go on",
        use_passkey="Use a passkey",
        neither="Neither at hand? An administrator can reset your account.",
        enrol="Set up a second factor",
        enrol_why="Your roles let you change much, so a password alone is not enough. Choose one way; more can be added "
        "later.",
        on_this_device="A passkey on this device",
        my_device="my device",
        make_passkey="Make a passkey",
        app="An authenticator app",
        keep_codes="Keep these recovery codes",
        choose="Choose a password",
        welcome="Welcome, {name}",
        your_login="Your login",
        new="Choose a password",
        rule="{shortest} characters or more; a few words in a row are easiest to keep.",
        again="The same again",
        choose_this="Choose this password",
    ),
    Language.FRENCH: Entry(
        log_in="Se connecter",
        login="Identifiant",
        password="Mot de passe",
        with_passkey="Se connecter avec une clé d’accès (passkey)",
        with_provider="Se connecter avec {name}",
        with_token="Avec le jeton d’accès du site",
        token="Jeton d’accès",
        token_place="Il est dans le fichier {file} du dossier de données.",
        languages="Langue",
        second="Encore une preuve",
        second_code="Code de votre application d’authentification, ou un code de secours",
        go_on="Continuer",
        use_passkey="Utiliser une clé d’accès (passkey)",
        neither="Ni l’un ni l’autre sous la main ? Un administrateur peut réinitialiser votre compte.",
        enrol="Ajouter un second facteur",
        enrol_why="Vos rôles permettent de changer beaucoup : un mot de passe seul ne suffit pas. Choisissez un moyen ; "
        "d’autres peuvent suivre.",
        on_this_device="Une clé d’accès (passkey) sur cet appareil",
        my_device="mon appareil",
        make_passkey="Créer une clé d’accès",
        app="Une application d’authentification",
        keep_codes="Gardez ces codes de secours",
        choose="Choisir un mot de passe",
        welcome="Bienvenue, {name}",
        your_login="Votre identifiant",
        new="Choisissez un mot de passe",
        rule="{shortest} caractères ou plus ; quelques mots à la suite se retiennent le mieux.",
        again="Le même encore une fois",
        choose_this="Prendre ce mot de passe",
    ),
}
