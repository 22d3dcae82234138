"""Why a series cannot be read or analysed, and what a revision changed: English as it is said, Vietnamese, French."""

READING: tuple[tuple[str, str, str], ...] = (
    (
        "{} slices with {} frames are no perfusion series",
        "{} lát cắt với {} khung hình không phải là chuỗi tưới máu",
        "{} coupes de {} images ne sont pas une série de perfusion",
    ),
    (
        "{} of {} frames at {} mm",
        "{} trên {} khung hình ở vị trí {} mm",
        "{} images sur {} à la position {} mm",
    ),
    (
        "the temporal positions of the slices disagree",
        "thứ tự thời gian của các lát cắt không khớp nhau",
        "les positions temporelles des coupes ne concordent pas",
    ),
    (
        "slices pause at different times",
        "các lát cắt ngắt quãng ở những thời điểm khác nhau",
        "les coupes s'interrompent à des moments différents",
    ),
    (
        "the images span {} s: more than one acquisition",
        "các ảnh kéo dài {} s: nhiều hơn một lần chụp",
        "les images s'étendent sur {} s : plus d'une acquisition",
    ),
    (
        "the order of the images is in doubt: {} contradict {}",
        "không chắc thứ tự của các ảnh: {} mâu thuẫn với {}",
        "l'ordre des images est douteux : {} contredisent {}",
    ),
    (
        "{} span {} s, but {} s: one of them is wrong",
        "{} kéo dài {} s nhưng {} s: một trong hai bị sai",
        "{} couvrent {} s, mais {} s : l'un des deux est faux",
    ),
    ("temporal positions {}", "vị trí thời gian {}", "les positions temporelles {}"),
    ("acquisition times {}", "giờ chụp {}", "les heures d'acquisition {}"),
    ("acquisition date-times {}", "ngày giờ chụp {}", "les dates et heures d'acquisition {}"),
    ("content times {}", "giờ của ảnh {}", "les heures du contenu {}"),
    ("frame reference times {}", "thời gian tham chiếu {}", "les temps de référence {}"),
    ("trigger times {}", "thời gian kích hoạt {}", "les temps de déclenchement {}"),
    ("temporal positions", "vị trí thời gian", "les positions temporelles"),
    ("acquisition times", "giờ chụp", "les heures d'acquisition"),
    ("acquisition date-times", "ngày giờ chụp", "les dates et heures d'acquisition"),
    ("content times", "giờ của ảnh", "les heures du contenu"),
    ("frame reference times", "thời gian tham chiếu của khung hình", "les temps de référence des images"),
    ("trigger times", "thời gian kích hoạt", "les temps de déclenchement"),
    ("acquisition numbers", "số lần chụp", "les numéros d'acquisition"),
    ("instance numbers", "số thứ tự ảnh", "les numéros d'image"),
    (
        "the images of a slice cannot be told apart in time: acquisition times are absent or repeat, and content times may be those of reconstruction",
        "không phân biệt được thời gian của các ảnh trong một lát cắt: giờ chụp thiếu hoặc lặp lại, và giờ của ảnh có thể là giờ tái tạo",
        "les images d'une coupe ne se distinguent pas dans le temps : les heures d'acquisition manquent ou se répètent, et celles du contenu peuvent être celles de la reconstruction",
    ),
    (
        "the images of a slice cannot be told apart in time: acquisition times are absent or repeat, and there are no temporal positions with a temporal resolution",
        "không phân biệt được thời gian của các ảnh trong một lát cắt: giờ chụp thiếu hoặc lặp lại, và không có vị trí thời gian kèm độ phân giải thời gian",
        "les images d'une coupe ne se distinguent pas dans le temps : les heures d'acquisition manquent ou se répètent, et il n'y a pas de positions avec une résolution temporelle",
    ),
    (
        "the images of a slice cannot be told apart in time: acquisition times are absent or repeat, and there are no temporal positions with a temporal resolution that can be true",
        "không phân biệt được thời gian của các ảnh trong một lát cắt: giờ chụp thiếu hoặc lặp lại, và độ phân giải thời gian không thể đúng",
        "les images d'une coupe ne se distinguent pas dans le temps : les heures d'acquisition manquent ou se répètent, et la résolution temporelle ne peut être vraie",
    ),
    (
        "images of the slice at {} mm lie {} mm apart: the field of view changed",
        "các ảnh của lát cắt ở {} mm lệch nhau {} mm: trường chụp đã thay đổi",
        "les images de la coupe à {} mm sont écartées de {} mm : le champ de vue a changé",
    ),
    (
        "two slabs with a gap from {} to {} mm: send each slab as a series of its own",
        "hai khối cách nhau một khoảng trống từ {} đến {} mm: hãy gửi mỗi khối thành một chuỗi riêng",
        "deux blocs séparés d'un vide de {} à {} mm : envoyer chaque bloc comme une série à part",
    ),
    (
        "the slices do not lie on one line: one is shifted by {} mm",
        "các lát cắt không thẳng hàng: một lát bị lệch {} mm",
        "les coupes ne sont pas alignées : l'une est décalée de {} mm",
    ),
    (
        "the images have different {}",
        "các ảnh khác nhau về {}",
        "les images diffèrent par {}",
    ),
    ("numbers of rows and columns", "số hàng và số cột", "le nombre de lignes et de colonnes"),
    ("orientations", "hướng", "l'orientation"),
    ("pixel spacings", "khoảng cách điểm ảnh", "la taille des pixels"),
    ("frames of reference", "hệ tọa độ", "le repère spatial"),
    (
        "an image has no rows, columns or pixel spacing",
        "một ảnh không có số hàng, số cột hoặc khoảng cách điểm ảnh",
        "une image n'a pas de lignes, de colonnes ou de taille de pixel",
    ),
    (
        "no image has a position and orientation in the patient",
        "không ảnh nào có vị trí và hướng trong cơ thể",
        "aucune image n'a de position ni d'orientation dans le patient",
    ),
    (
        "the pixel data of an image are cut short",
        "dữ liệu điểm ảnh của một ảnh bị cắt cụt",
        "les pixels d'une image sont tronqués",
    ),
    (
        "the pixel data of an image cannot be decoded: {}",
        "không giải mã được dữ liệu điểm ảnh của một ảnh: {}",
        "les pixels d'une image ne peuvent être décodés : {}",
    ),
    ("no compressed image in them", "không có ảnh nén bên trong", "aucune image compressée"),
    (
        "the pixel data of an image do not fit its rows and columns",
        "dữ liệu điểm ảnh của một ảnh không khớp số hàng và số cột",
        "les pixels d'une image ne correspondent pas à ses lignes et colonnes",
    ),
    (
        "the pixel data of an image were compressed with loss: send the original images",
        "một ảnh đã bị nén mất dữ liệu: hãy gửi ảnh gốc",
        "une image a été compressée avec perte : envoyer les images d'origine",
    ),
    (
        "the images were compressed with loss: send the original images",
        "các ảnh đã bị nén mất dữ liệu: hãy gửi ảnh gốc",
        "les images ont été compressées avec perte : envoyer les images d'origine",
    ),
    (
        "an image has no rescale slope and intercept, so no Hounsfield units",
        "một ảnh không có hệ số quy đổi, nên không có đơn vị Hounsfield",
        "une image n'a ni pente ni ordonnée d'échelle, donc pas d'unités Hounsfield",
    ),
    ("an image has no pixel data", "một ảnh không có dữ liệu điểm ảnh", "une image n'a pas de pixels"),
    (
        "an image is not 16-bit grey",
        "một ảnh không phải ảnh xám 16 bit",
        "une image n'est pas en gris 16 bits",
    ),
    (
        "the series needs {} MiB of memory at once",
        "chuỗi ảnh cần cùng lúc {} MiB bộ nhớ",
        "la série demande {} Mio de mémoire à la fois",
    ),
    (
        "the images contain NaN or infinity; convert missing pixels to air before analysis",
        "ảnh chứa giá trị không phải số hoặc vô cực; hãy chuyển điểm ảnh thiếu thành không khí trước khi phân tích",
        "les images contiennent des valeurs non numériques ; mettre de l'air aux pixels manquants avant l'analyse",
    ),
    (
        "two different images share one SOP instance UID",
        "hai ảnh khác nhau trùng một mã định danh",
        "deux images différentes portent le même identifiant",
    ),
)
"""One row for each sentence with which the reader of images refuses a series."""

CHANGES: tuple[tuple[str, str, str], ...] = (
    ("{} imaging not met", "không đạt tiêu chuẩn hình ảnh {}", "critères d'imagerie {} non remplis"),
    ("{} imaging met", "đạt tiêu chuẩn hình ảnh {}", "critères d'imagerie {} remplis"),
    ("not analysed", "không phân tích được", "non analysé"),
    ("not met", "không đạt", "non remplis"),
    ("met", "đạt", "remplis"),
    ("analysed", "đã phân tích", "analysé"),
    ("numbers reliable", "số liệu tin cậy", "chiffres fiables"),
    ("numbers not reliable", "số liệu không tin cậy", "chiffres non fiables"),
    ("LEFT", "BÊN TRÁI", "GAUCHE"),
    ("RIGHT", "BÊN PHẢI", "DROITE"),
    ("BOTH SIDES", "HAI BÊN", "DES DEUX CÔTÉS"),
    ("no lesion", "không có tổn thương", "pas de lésion"),
    ("hypoperfused {}", "giảm tưới máu {}", "hypoperfusé {}"),
    ("not known", "không rõ", "inconnu"),
    ("{} ml ({} or more)", "{} ml (từ {} trở lên)", "{} ml ({} ou plus)"),
    ("{}, before {}", "{}, trước đó {}", "{}, avant {}"),
)
"""One row for each thing by which a revision differs from the one before it, as `gateway.revision` says it."""
