"""What one proves oneself with beside the password: an authenticator app, recovery codes, passkeys."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Factors:
    """Words of setting one up; `cancelled`, `known` and `odd` are said by the page's script."""

    scan: str
    picture: str
    code_now: str
    confirm: str
    recovery: str
    recovery_why: str
    recovery_kept: str
    device_name: str
    cancelled: str
    known: str
    odd: str


FACTORS: Mapping[Language, Factors] = {
    Language.VIETNAMESE: Factors(
        scan="Quét mã này bằng ứng dụng xác thực, hoặc nhập dãy chữ bên dưới vào ứng dụng:",
        picture="Mã QR cho ứng dụng xác thực, giống dãy chữ bên dưới",
        code_now="Mã xác thực ứng dụng đang hiện",
        confirm="Xác nhận",
        recovery="Mã khôi phục",
        recovery_why="Khi không còn điện thoại, mỗi mã cho bạn vào một lần thay cho ứng dụng. Chỉ hiện một lần này: hãy in "
        "hoặc chép ra giấy, và cất xa điện thoại.",
        recovery_kept="Tôi đã cất, tiếp tục",
        device_name="Tên thiết bị này",
        cancelled="Chưa dùng khóa truy cập nào. Hãy thử lại, hoặc đăng nhập bằng cách khác.",
        known="Thiết bị này đã có khóa truy cập ở đây.",
        odd="Máy chủ trả lời không như mong đợi: hãy thử lại.",
    ),
    Language.ENGLISH: Factors(
        scan="Scan this with the authenticator app, or type the letters below into it:",
        picture="QR code for an authenticator app; the same as the letters below",
        code_now="The code that the app shows now",
        confirm="Confirm",
        recovery="Recovery codes",
        recovery_why="Each lets you in once, in place of the app, when the phone is gone. They are shown this one time: "
        "print them or write them down, and keep them away from the phone.",
        recovery_kept="I have kept them: go on",
        device_name="Name of this device",
        cancelled="No passkey was used. Try again, or log in another way.",
        known="This device has a passkey here already.",
        odd="The server did not answer as expected: try again.",
    ),
    Language.FRENCH: Factors(
        scan="Scannez ceci avec l’application d’authentification, ou saisissez-y les lettres ci-dessous :",
        picture="Code QR pour une application d’authentification ; identique aux lettres ci-dessous",
        code_now="Le code que l’application affiche maintenant",
        confirm="Confirmer",
        recovery="Codes de secours",
        recovery_why="Chacun vous laisse entrer une fois, à la place de l’application, si le téléphone est perdu. Ils ne "
        "sont montrés que cette fois : imprimez-les ou notez-les, et gardez-les loin du téléphone.",
        recovery_kept="Je les ai gardés : continuer",
        device_name="Nom de cet appareil",
        cancelled="Aucune clé d’accès n’a servi. Réessayez, ou connectez-vous autrement.",
        known="Cet appareil a déjà une clé d’accès ici.",
        odd="Le serveur n’a pas répondu comme prévu : réessayez.",
    ),
}
