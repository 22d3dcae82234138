"""What is refused at the door, on one's own page, and on the rota."""

from gateway.console.words.phrases import Phrase

REFUSALS = (
    # the door
    Phrase(
        "your roles do not include the right to {} here: ask an administrator for it",
        "vai trò của bạn không có quyền ở đây ({}): hãy hỏi quản trị viên",
        "vos rôles ne donnent pas ce droit ici ({}) : demandez à un administrateur",
    ),
    Phrase("read", "xem ca", "voir les cas"),
    Phrase("names", "xem tên người bệnh", "voir qui est le patient"),
    Phrase("answer", "nhận ca, trả lời", "répondre"),
    Phrase("judge", "đánh giá kết quả", "juger le résultat"),
    Phrase("sign", "ký báo cáo", "signer"),
    Phrase("operate", "vận hành", "exploiter"),
    Phrase("arrange", "xếp lịch trực", "organiser les gardes"),
    Phrase("administer", "quản lý nhân sự", "gérer les personnes"),
    Phrase("audit", "xem nhật ký truy cập", "lire le journal d’accès"),
    Phrase(
        "this link opens one study, to read; for anything else log in at /login",
        "liên kết này chỉ để xem một ca chụp; muốn làm việc khác, hãy đăng nhập",
        "ce lien ouvre un examen, en lecture ; pour le reste, connectez-vous",
    ),
    Phrase(
        "this alert's link opens one case, without whose it is; for anything else log in at /login",
        "liên kết của cảnh báo này chỉ mở một ca, không kèm tên người bệnh; muốn làm việc khác, hãy đăng nhập",
        "le lien de cette alerte ouvre un cas, sans dire de qui ; pour le reste, connectez-vous",
    ),
    Phrase(
        "this link opens another case: open that of the alert you got",
        "liên kết này mở ca khác: hãy mở liên kết của cảnh báo bạn nhận",
        "ce lien ouvre un autre cas : ouvrez celui de l’alerte reçue",
    ),
    Phrase(
        "this must be asked for from the console's own pages",
        "chỉ thực hiện được từ chính các trang của hệ thống",
        "cela se demande depuis les pages de la console elles-mêmes",
    ),
    Phrase(
        "too many requests at once: wait {} s and try again",
        "quá nhiều yêu cầu cùng lúc: hãy chờ {} giây rồi thử lại",
        "trop de demandes à la fois : attendez {} s et réessayez",
    ),
    Phrase(
        "the database does not answer, so nobody can be let in; look at /readyz and try again",
        "cơ sở dữ liệu không trả lời nên chưa ai vào được: hãy thử lại, hoặc báo bộ phận CNTT",
        "la base de données ne répond pas, personne ne peut entrer : réessayez, ou prévenez l’informatique",
    ),
    Phrase(
        "the database does not answer; look at /readyz and try again",
        "cơ sở dữ liệu không trả lời: hãy thử lại, hoặc báo bộ phận CNTT",
        "la base de données ne répond pas : réessayez, ou prévenez l’informatique",
    ),
    Phrase(
        "there is nothing at this address; the list of cases is at /, the interface is described at /docs",
        "không có gì ở địa chỉ này; hãy trở về danh sách ca",
        "il n’y a rien à cette adresse ; revenez à la liste des cas",
    ),
    Phrase(
        "an unexpected error; the log of the api process says what it was",
        "lỗi không mong đợi: hãy thử lại, hoặc báo bộ phận CNTT",
        "une erreur imprévue : réessayez, ou prévenez l’informatique",
    ),
    Phrase(
        "{}; the interface is described at /docs",
        "biểu mẫu thiếu hoặc sai: hãy quay lại và điền lại ({})",
        "le formulaire est incomplet ou inexact : revenez et corrigez-le ({})",
    ),
    Phrase(
        "the ledger does not answer ({})",
        "sổ ghi của hệ thống không trả lời ({})",
        "le registre ne répond pas ({})",
    ),
    Phrase(
        "the ledger's database refused: {}",
        "cơ sở dữ liệu của hệ thống từ chối: {}",
        "la base de données du registre a refusé : {}",
    ),
    # one's own page
    Phrase(
        "this is for people: log in with an account of your own",
        "trang này dành cho từng người: hãy đăng nhập bằng tài khoản cá nhân",
        "c’est réservé aux personnes : connectez-vous avec votre propre compte",
    ),
    Phrase(
        "you have no channel yet: add one first",
        "bạn chưa có kênh nào: hãy thêm kênh trước",
        "vous n’avez pas encore de canal : ajoutez-en un d’abord",
    ),
    Phrase(
        "a test was sent a moment ago: wait half a minute for the next one",
        "vừa gửi cảnh báo thử: hãy chờ nửa phút rồi thử lại",
        "un essai vient de partir : attendez une demi-minute pour le suivant",
    ),
    Phrase(
        "this device is not in your list any more: load the page again",
        "thiết bị này không còn trong danh sách: hãy tải lại trang",
        "cet appareil n’est plus dans votre liste : rechargez la page",
    ),
    Phrase(
        "a push goes to every device of the person and has no address",
        "thông báo đẩy gửi đến mọi thiết bị và không có địa chỉ",
        "une notification va sur tous les appareils et n’a pas d’adresse",
    ),
    Phrase(
        "write an e-mail address, such as name@hospital.example",
        "hãy nhập địa chỉ email, ví dụ name@hospital.example",
        "écrivez une adresse e-mail, par exemple name@hospital.example",
    ),
    Phrase(
        "write a telephone number with its country, such as +84901234567",
        "hãy nhập số điện thoại kèm mã quốc gia, ví dụ +84901234567",
        "écrivez un numéro de téléphone avec son pays, par exemple +84901234567",
    ),
    Phrase(
        "write a topic without + and #, such as stroke/night",
        "hãy nhập chủ đề MQTT không có + và #, ví dụ stroke/night",
        "écrivez un sujet MQTT sans + ni #, par exemple stroke/night",
    ),
    Phrase(
        "write an address that begins with https://",
        "hãy nhập địa chỉ bắt đầu bằng https://",
        "écrivez une adresse qui commence par https://",
    ),
    Phrase(
        "write the service's address as Apprise does, such as ntfy://topic",
        "hãy nhập địa chỉ dịch vụ theo kiểu Apprise, ví dụ ntfy://topic",
        "écrivez l’adresse du service à la manière d’Apprise, par exemple ntfy://topic",
    ),
    Phrase(
        "at most {} channels: remove one first",
        "tối đa {} kênh: hãy xóa bớt một kênh",
        "au plus {} canaux : retirez-en un d’abord",
    ),
    Phrase(
        "this channel is in the list already",
        "kênh này đã có trong danh sách",
        "ce canal est déjà dans la liste",
    ),
    Phrase(
        "this channel is not in the list any more: load the page again",
        "kênh này không còn trong danh sách: hãy tải lại trang",
        "ce canal n’est plus dans la liste : rechargez la page",
    ),
    Phrase(
        "a channel goes up, down, or out of the list",
        "một kênh chỉ có thể lên, xuống, hoặc bị xóa",
        "un canal monte, descend, ou quitte la liste",
    ),
    # the rota
    Phrase(
        "there is no such role on the rota; its page is /rota",
        "lịch trực không có vai trò này: hãy trở về trang lịch trực",
        "ce rôle n’est pas au tableau de garde : revenez à sa page",
    ),
    Phrase(
        "choose at least one day of the week",
        "hãy chọn ít nhất một ngày trong tuần",
        "choisissez au moins un jour de la semaine",
    ),
    Phrase(
        "this is over: an exception must end in the future",
        "thời gian này đã qua: đổi ca phải kết thúc sau lúc này",
        "c’est passé : un remplacement doit finir plus tard que maintenant",
    ),
    Phrase(
        "only your own duty is yours to hand over: ask whoever arranges the rota",
        "bạn chỉ bàn giao được ca trực của mình: hãy hỏi người xếp lịch trực",
        "vous ne pouvez transmettre que votre propre garde : demandez à qui tient le tableau",
    ),
    Phrase(
        "whoever is to hand over is not on duty any more: load the page again",
        "người bàn giao không còn trực nữa: hãy tải lại trang",
        "cette personne n’est plus de garde : rechargez la page",
    ),
    Phrase(
        "this person is on duty already: choose somebody else",
        "người này đang trực rồi: hãy chọn người khác",
        "cette personne est déjà de garde : choisissez quelqu’un d’autre",
    ),
    Phrase(
        "choose somebody who has this role",
        "hãy chọn người có vai trò này",
        "choisissez quelqu’un qui a ce rôle",
    ),
    Phrase(
        "write day and time as 2026-01-31T07:30",
        "hãy ghi ngày giờ dạng 2026-01-31T07:30",
        "écrivez jour et heure comme 2026-01-31T07:30",
    ),
    Phrase("write a day as 2026-01-31", "hãy ghi ngày dạng 2026-01-31", "écrivez un jour comme 2026-01-31"),
    Phrase(
        "a shift needs a day of the week, 0 (Monday) to 6",
        "ca trực cần một ngày trong tuần, từ 0 (thứ Hai) đến 6",
        "une garde demande un jour de la semaine, de 0 (lundi) à 6",
    ),
    Phrase(
        "write the hours of a shift as HH:MM, such as 07:30",
        "hãy ghi giờ trực dạng HH:MM, ví dụ 07:30",
        "écrivez les heures d’une garde comme HH:MM, par exemple 07:30",
    ),
    Phrase(
        "the last day is before the first one",
        "ngày cuối đứng trước ngày đầu",
        "le dernier jour est avant le premier",
    ),
    Phrase(
        "an exception must end after it begins",
        "đổi ca phải kết thúc sau lúc bắt đầu",
        "un remplacement doit finir après son début",
    ),
    Phrase(
        "say who is absent, or who is there instead; two different people",
        "hãy chọn người nghỉ, hoặc người trực thay; phải là hai người khác nhau",
        "dites qui est absent, ou qui remplace ; deux personnes différentes",
    ),
    # what stands behind some of them
    Phrase("{}; try again", "{}; hãy thử lại", "{} ; réessayez"),
)
