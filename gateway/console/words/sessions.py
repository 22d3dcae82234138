"""What a session says of itself: how somebody came in, and with which browser."""

from gateway.console.words.phrases import Phrase, Phrases
from viewer_bridge.report.wording.language import Language

_TABLE = Phrases.of(
    (
        Phrase(
            "password and one-time code",
            "mật khẩu và mã xác thực",
            "mot de passe et code à usage unique",
        ),
        Phrase(
            "password and recovery code",
            "mật khẩu và mã khôi phục",
            "mot de passe et code de secours",
        ),
        Phrase("password and passkey", "mật khẩu và khóa truy cập", "mot de passe et clé d’accès"),
        Phrase("password", "mật khẩu", "mot de passe"),
        Phrase("passkey", "khóa truy cập", "clé d’accès"),
        Phrase("access token", "mã truy cập", "jeton d’accès"),
        Phrase("the hospital's login", "đăng nhập của bệnh viện", "connexion de l’hôpital"),
        Phrase("a program", "một chương trình", "un programme"),
        Phrase("{} on {}", "{} trên {}", "{} sur {}"),
    )
)


def session_words(text: str, language: Language) -> str:
    """What a session says of itself, in another language.

    >>> session_words("Chrome on Android", Language.VIETNAMESE), session_words("password", Language.FRENCH)
    ('Chrome trên Android', 'mot de passe')
    """
    return _TABLE.said(text, language) or text
