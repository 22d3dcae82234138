"""What is refused on the way in, and about one's own account."""

from gateway.console.words.phrases import Phrase

REFUSALS = (
    Phrase(
        "login and password do not fit together",
        "tên đăng nhập và mật khẩu không khớp",
        "l’identifiant et le mot de passe ne vont pas ensemble",
    ),
    Phrase(
        "this code is wrong or was used before: wait for the next one",
        "mã này sai hoặc đã dùng rồi: hãy chờ mã tiếp theo",
        "ce code est faux ou a déjà servi : attendez le suivant",
    ),
    Phrase("this is not the access token", "đây không phải mã truy cập", "ce n’est pas le jeton d’accès"),
    Phrase(
        "too many wrong attempts: wait {} s and try again",
        "sai quá nhiều lần: hãy chờ {} giây rồi thử lại",
        "trop d’essais erronés : attendez {} s et réessayez",
    ),
    Phrase(
        "too many people are logging in at this moment",
        "đang có quá nhiều người đăng nhập cùng lúc: hãy thử lại",
        "trop de personnes se connectent en ce moment : réessayez",
    ),
    Phrase(
        "log in again first: how one logs in is changed within a quarter of an hour after it",
        "hãy đăng nhập lại trước: chỉ đổi được cách đăng nhập trong vòng 15 phút sau khi đăng nhập",
        "reconnectez-vous d’abord : la façon de se connecter se change dans le quart d’heure qui suit la connexion",
    ),
    # passwords
    Phrase(
        "a password has {} to {} characters: a few words in a row are easiest to keep",
        "mật khẩu có {} đến {} ký tự: vài từ liền nhau là dễ nhớ nhất",
        "un mot de passe a {} à {} caractères : quelques mots à la suite se retiennent le mieux",
    ),
    Phrase(
        "this password repeats a few characters: take some words in a row",
        "mật khẩu này chỉ lặp lại vài ký tự: hãy dùng vài từ liền nhau",
        "ce mot de passe répète quelques caractères : prenez des mots à la suite",
    ),
    Phrase(
        "this password contains the login or the name: take other words",
        "mật khẩu này chứa tên đăng nhập hoặc họ tên: hãy dùng từ khác",
        "ce mot de passe contient l’identifiant ou le nom : prenez d’autres mots",
    ),
    Phrase(
        "this password contains a row of neighbouring keys or digits: take some words in a row",
        "mật khẩu này chứa dãy phím hoặc chữ số liền nhau: hãy dùng vài từ liền nhau",
        "ce mot de passe contient une suite de touches ou de chiffres voisins : prenez des mots à la suite",
    ),
    Phrase(
        "this password is among the first that are tried: take some words in a row",
        "mật khẩu này dễ bị đoán ngay: hãy dùng vài từ liền nhau",
        "ce mot de passe est parmi les premiers essayés : prenez des mots à la suite",
    ),
    Phrase(
        "this is not your present password",
        "đây không phải mật khẩu hiện tại của bạn",
        "ce n’est pas votre mot de passe actuel",
    ),
    Phrase(
        "the two passwords differ: type the same one twice",
        "hai mật khẩu khác nhau: hãy nhập giống nhau cả hai lần",
        "les deux mots de passe diffèrent : tapez deux fois le même",
    ),
    # one-time codes
    Phrase(
        "one-time codes are set up already: remove them first",
        "mã xác thực đã được thiết lập: hãy xóa trước",
        "les codes à usage unique sont déjà en place : retirez-les d’abord",
    ),
    Phrase(
        "there is nothing to confirm: begin again",
        "không có gì để xác nhận: hãy làm lại từ đầu",
        "il n’y a rien à confirmer : recommencez",
    ),
    Phrase(
        "this code is wrong: wait for the next one, and look at the phone's clock",
        "mã này sai: hãy chờ mã tiếp theo, và kiểm tra đồng hồ của điện thoại",
        "ce code est faux : attendez le suivant, et regardez l’heure du téléphone",
    ),
    Phrase(
        "your roles need a second factor: set another one up before you remove this one",
        "vai trò của bạn cần xác thực bước hai: hãy thiết lập cách khác trước khi xóa cách này",
        "vos rôles demandent un second facteur : mettez-en un autre en place avant de retirer celui-ci",
    ),
    Phrase(
        "a second factor is set up already: use it at /login",
        "xác thực bước hai đã được thiết lập: hãy dùng ở trang đăng nhập",
        "un second facteur est déjà en place : utilisez-le à la connexion",
    ),
    Phrase(
        "there is no second factor yet: set one up at /login/enrol",
        "chưa có xác thực bước hai: hãy đăng nhập lại để thiết lập",
        "il n’y a pas encore de second facteur : reconnectez-vous pour en ajouter un",
    ),
    # passkeys
    Phrase(
        "this passkey is not known here: log in another way, and add it to your account",
        "khóa truy cập này chưa được biết ở đây: hãy đăng nhập bằng cách khác, rồi thêm khóa vào tài khoản",
        "cette clé d’accès n’est pas connue ici : connectez-vous autrement, et ajoutez-la à votre compte",
    ),
    Phrase(
        "the passkey did not prove itself: try again",
        "khóa truy cập không được xác nhận: hãy thử lại",
        "la clé d’accès n’a pas fait sa preuve : réessayez",
    ),
    Phrase(
        "passkeys need a host name: set http.public_url to the address that browsers use, with https",
        "khóa truy cập cần tên máy chủ: bộ phận CNTT đặt http.public_url là địa chỉ https của trang này",
        "les clés d’accès demandent un nom d’hôte : l’informatique met dans http.public_url l’adresse https de cette page",
    ),
    Phrase(
        "you have {} passkeys: remove one that you no longer use",
        "bạn đã có {} khóa truy cập: hãy xóa khóa không còn dùng",
        "vous avez {} clés d’accès : retirez-en une qui ne sert plus",
    ),
    Phrase(
        "this passkey is known already",
        "khóa truy cập này đã có rồi",
        "cette clé d’accès est déjà connue",
    ),
    Phrase(
        "there is no such passkey: load the page again",
        "không còn khóa truy cập này: hãy tải lại trang",
        "cette clé d’accès n’existe plus : rechargez la page",
    ),
    Phrase(
        "this took too long: try again", "đã quá lâu: hãy thử lại", "cela a pris trop de temps : réessayez"
    ),
    Phrase(
        "this answer was given before: try again",
        "câu trả lời này đã được dùng: hãy thử lại",
        "cette réponse a déjà servi : réessayez",
    ),
    # links, and the hospital's own login
    Phrase(
        "this link was used or has expired: ask an administrator for a new one",
        "liên kết này đã dùng hoặc đã hết hạn: hãy xin quản trị viên liên kết mới",
        "ce lien a servi ou a expiré : demandez-en un nouveau à un administrateur",
    ),
    Phrase(
        "this link has expired or was taken back: open the latest alert, or log in",
        "liên kết này đã hết hạn hoặc bị thu hồi: hãy mở cảnh báo mới nhất, hoặc đăng nhập",
        "ce lien a expiré ou a été retiré : ouvrez la dernière alerte, ou connectez-vous",
    ),
    Phrase(
        "this link has expired or is damaged, or was taken back: ask whoever sent it for a new one, or log in with the access "
        "token",
        "liên kết này đã hết hạn, bị hỏng hoặc bị thu hồi: hãy xin người gửi liên kết mới, hoặc đăng nhập",
        "ce lien a expiré, est abîmé ou a été retiré : demandez-en un nouveau à qui l’a envoyé, ou connectez-vous",
    ),
    Phrase(
        "this took too long: begin again at /login",
        "đã quá lâu: hãy đăng nhập lại từ đầu",
        "cela a pris trop de temps : recommencez la connexion",
    ),
    Phrase(
        "this took too long: begin again at the login page",
        "đã quá lâu: hãy đăng nhập lại từ đầu",
        "cela a pris trop de temps : recommencez la connexion",
    ),
    Phrase(
        "this must be asked for from the login page itself",
        "chỉ thực hiện được từ chính trang đăng nhập",
        "cela se demande depuis la page de connexion elle-même",
    ),
    Phrase(
        "the login did not come back as it went: begin again at the login page",
        "lần đăng nhập trở về không khớp: hãy đăng nhập lại từ đầu",
        "la connexion n’est pas revenue comme elle est partie : recommencez",
    ),
    Phrase(
        "the provider did not log you in: begin again, or log in another way",
        "hệ thống đăng nhập của bệnh viện không chấp nhận: hãy làm lại, hoặc đăng nhập bằng cách khác",
        "le fournisseur ne vous a pas connecté : recommencez, ou connectez-vous autrement",
    ),
    Phrase(
        "the provider's answer is not genuine or has expired: begin again",
        "câu trả lời của hệ thống đăng nhập không hợp lệ hoặc đã hết hạn: hãy làm lại",
        "la réponse du fournisseur n’est pas authentique ou a expiré : recommencez",
    ),
    Phrase(
        "the login provider does not answer ({})",
        "hệ thống đăng nhập của bệnh viện không trả lời ({})",
        "le fournisseur de connexion ne répond pas ({})",
    ),
    Phrase(
        "the login provider answers with something else than an object",
        "hệ thống đăng nhập của bệnh viện trả lời không hợp lệ",
        "le fournisseur de connexion donne une réponse illisible",
    ),
    Phrase(
        "identity.oidc.issuer: the provider calls itself otherwise",
        "identity.oidc.issuer: hệ thống đăng nhập mang tên khác",
        "identity.oidc.issuer : le fournisseur se nomme autrement",
    ),
    Phrase(
        "the hospital's login knows you, but none of your groups has a role here: ask an administrator",
        "hệ thống đăng nhập của bệnh viện biết bạn, nhưng nhóm của bạn chưa có vai trò ở đây: hãy hỏi quản trị viên",
        "la connexion de l’hôpital vous connaît, mais aucun de vos groupes n’a de rôle ici : demandez à un administrateur",
    ),
    Phrase(
        "your account here is closed: ask an administrator",
        "tài khoản của bạn ở đây đã đóng: hãy hỏi quản trị viên",
        "votre compte ici est fermé : demandez à un administrateur",
    ),
    Phrase(
        "somebody has this login here already: an administrator can set identity.oidc.adopt_logins, or rename the account",
        "tên đăng nhập này đã có người dùng: quản trị viên có thể bật identity.oidc.adopt_logins, hoặc đổi tên tài khoản",
        "quelqu’un a déjà cet identifiant ici : un administrateur peut activer identity.oidc.adopt_logins, ou renommer le "
        "compte",
    ),
    Phrase(
        "you have no such session: it has ended already",
        "không có phiên này: phiên đã kết thúc",
        "vous n’avez pas cette session : elle est déjà terminée",
    ),
)
