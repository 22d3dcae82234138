"""Remarks on the quality of a scan: English as the core writes them, Vietnamese, French."""

REMARKS: tuple[tuple[str, str, str], ...] = (
    (
        "scan covers {} mm; a lesion outside is not seen",
        "vùng chụp cao {} mm; không thấy được tổn thương nằm ngoài",
        "l'acquisition couvre {} mm ; une lésion en dehors n'est pas vue",
    ),
    (
        "frame intervals vary from {} to {} s",
        "khoảng cách giữa các khung hình thay đổi từ {} đến {} s",
        "les intervalles entre images varient de {} à {} s",
    ),
    (
        "one frame every {} s: flow is under-read",
        "mỗi {} s một khung hình: lưu lượng bị đo thấp",
        "une image toutes les {} s : le débit est sous-estimé",
    ),
    (
        "head moved by up to {} mm and {} degrees: alignment is in doubt",
        "đầu cử động đến {} mm và {} độ: việc căn chỉnh không chắc chắn",
        "la tête a bougé jusqu'à {} mm et {} degrés : le recalage est douteux",
    ),
    (
        "head moved by up to {} mm and {} degrees; frames were aligned",
        "đầu cử động đến {} mm và {} độ; các khung hình đã được căn chỉnh",
        "la tête a bougé jusqu'à {} mm et {} degrés ; les images ont été recalées",
    ),
    (
        "{} of {} frames are beyond repair and were not used: number {}",
        "{} trong {} khung hình hỏng và không được dùng: số {}",
        "{} images sur {} sont irrécupérables et n'ont pas été utilisées : numéro {}",
    ),
    (
        "noise of {} HU in a frame of about 1 mm pixels",
        "nhiễu {} HU trong một khung hình có điểm ảnh khoảng 1 mm",
        "bruit de {} HU dans une image de pixels d'environ 1 mm",
    ),
    (
        "metal in {}: its surroundings cannot be read",
        "có kim loại ở {}: không đọc được vùng xung quanh",
        "métal dans {} : ses alentours ne sont pas lisibles",
    ),
    (
        "streaks or blank areas in {}",
        "có vệt hoặc vùng trống ở {}",
        "stries ou zones vides dans {}",
    ),
    ("slice {}", "lát cắt {}", "la coupe {}"),
    ("slices {}", "các lát cắt {}", "les coupes {}"),
    (
        "contrast arrives with the first frames: the scan started late",
        "thuốc cản quang đến ngay từ các khung hình đầu: bắt đầu chụp muộn",
        "le contraste arrive dès les premières images : l'acquisition a commencé tard",
    ),
    (
        "arterial enhancement peaks at {} HU only",
        "động mạch chỉ ngấm thuốc tối đa {} HU",
        "le rehaussement artériel ne culmine qu'à {} HU",
    ),
    (
        "arterial enhancement peaks at {} HU only, {} times the noise",
        "động mạch chỉ ngấm thuốc tối đa {} HU, gấp {} lần nhiễu",
        "le rehaussement artériel ne culmine qu'à {} HU, {} fois le bruit",
    ),
    ("scan ends early: {}", "lần chụp kết thúc sớm: {}", "l'acquisition finit tôt : {}"),
    (
        "the artery peaks in the last third",
        "động mạch đạt đỉnh ở một phần ba cuối",
        "l'artère culmine dans le dernier tiers",
    ),
    (
        "only {} s follow the arterial peak",
        "chỉ còn {} s sau đỉnh động mạch",
        "seulement {} s suivent le pic artériel",
    ),
    ("{} s follow the arterial peak", "còn {} s sau đỉnh động mạch", "{} s suivent le pic artériel"),
    (
        "the brain is still full of contrast at the end",
        "não vẫn còn đầy thuốc cản quang khi kết thúc",
        "le cerveau est encore plein de contraste à la fin",
    ),
    (
        "the vein is still full of contrast at the end",
        "tĩnh mạch vẫn còn đầy thuốc cản quang khi kết thúc",
        "la veine est encore pleine de contraste à la fin",
    ),
    (
        "the venous pass is not covered",
        "chưa chụp hết thì tĩnh mạch",
        "le passage veineux n'est pas couvert",
    ),
    (
        "{}: a narrow carotid or a weak heart delays flow without a stroke",
        "{}: hẹp động mạch cảnh hoặc suy tim làm chậm dòng máu mà không phải đột quỵ",
        "{} : une carotide étroite ou un cœur faible retarde le débit sans AVC",
    ),
    (
        "{} of the late area is as late on the other side",
        "{} vùng đến muộn cũng muộn như vậy ở bên kia",
        "{} de la zone tardive est aussi tardive de l'autre côté",
    ),
    (
        "healthy tissue measures {} s later than expected on both sides",
        "mô lành ở cả hai bên muộn hơn dự kiến {} s",
        "le tissu sain est en retard de {} s sur l'attendu des deux côtés",
    ),
    (
        "all of the left hemisphere is {} s late",
        "toàn bộ bán cầu trái muộn {} s",
        "tout l'hémisphère gauche est en retard de {} s",
    ),
    (
        "all of the right hemisphere is {} s late",
        "toàn bộ bán cầu phải muộn {} s",
        "tout l'hémisphère droit est en retard de {} s",
    ),
    (
        "blood volume in the core is {} of normal: it may not be infarcted",
        "thể tích máu trong lõi bằng {} bình thường: có thể chưa nhồi máu",
        "le volume sanguin dans le cœur est à {} de la normale : il n'est peut-être pas infarci",
    ),
    (
        "flow is low in {} ml that are not late: old infarct, white matter or artefact",
        "lưu lượng thấp ở {} ml không đến muộn: nhồi máu cũ, chất trắng hoặc nhiễu ảnh",
        "le débit est bas dans {} ml sans retard : infarctus ancien, substance blanche ou artéfact",
    ),
    (
        "{} ml of late voxels were not counted: threads and small clusters, which are noise",
        "không tính {} ml điểm ảnh đến muộn: dải mảnh và cụm nhỏ, là nhiễu",
        "{} ml de voxels tardifs n'ont pas été comptés : filaments et petits amas, qui sont du bruit",
    ),
    (
        "{} ml of late voxels were not counted: small clusters beside fluid, which shares their voxels and does not enhance",
        "không tính {} ml điểm ảnh đến muộn: cụm nhỏ cạnh dịch, chung điểm ảnh với dịch và không ngấm thuốc",
        "{} ml de voxels tardifs n'ont pas été comptés : petits amas au bord du liquide, qui partage leurs voxels et ne se rehausse pas",
    ),
    (
        "without calibration core is {} ml and hypoperfused {} ml",
        "chưa hiệu chuẩn thì lõi là {} ml và vùng giảm tưới máu là {} ml",
        "sans calibration, le cœur est de {} ml et l'hypoperfusion de {} ml",
    ),
    (
        "without calibration core is {} ml and hypoperfused {} ml, which changes a trial's answer",
        "chưa hiệu chuẩn thì lõi là {} ml và vùng giảm tưới máu là {} ml, làm thay đổi kết luận của một thử nghiệm",
        "sans calibration, le cœur est de {} ml et l'hypoperfusion de {} ml, ce qui change la réponse d'un essai",
    ),
    ("{} disagrees: {}", "{} cho kết quả khác: {}", "{} ne concorde pas : {}"),
    ("core {} ml, hypoperfused {} ml", "lõi {} ml, giảm tưới máu {} ml", "cœur {} ml, hypoperfusé {} ml"),
    ("simulated patients", "bệnh nhân mô phỏng", "patients simulés"),
    ("volume and place agree", "thể tích và vị trí phù hợp", "volume et lieu concordent"),
    ("the volumes differ", "thể tích khác nhau", "les volumes diffèrent"),
    (
        "the cores lie in different places",
        "hai lõi nằm ở hai nơi khác nhau",
        "les cœurs se trouvent à des endroits différents",
    ),
    (
        "the cores lie on different sides",
        "hai lõi nằm ở hai bên khác nhau",
        "les cœurs se trouvent de côtés différents",
    ),
    (
        "only one method finds a core",
        "chỉ một phương pháp thấy lõi",
        "une seule méthode trouve un cœur",
    ),
    (
        "core limits of trials lie between the two: {} ml",
        "giới hạn lõi của các thử nghiệm nằm giữa hai giá trị: {} ml",
        "des limites de cœur d'essais se trouvent entre les deux : {} ml",
    ),
    ("no answer within {} s", "không trả lời trong {} s", "pas de réponse en {} s"),
    ("it stopped with {}", "đã dừng với {}", "il s'est arrêté avec {}"),
    (
        "the network {} gave no core: {}",
        "mạng nơ-ron {} không cho kết quả lõi: {}",
        "le réseau {} n'a pas donné de cœur : {}",
    ),
    (
        "it says nothing of the brain",
        "không cho biết gì về não",
        "il ne dit rien du cerveau",
    ),
    (
        "what it says lies outside 0 to 1 and is no probability",
        "giá trị nằm ngoài khoảng 0 đến 1, không phải xác suất",
        "ce qu'il dit sort de 0 à 1 et n'est pas une probabilité",
    ),
    (
        "its probabilities have the shape {}, the scan has {}",
        "xác suất có kích thước {}, lần chụp có {}",
        "ses probabilités ont la forme {}, l'acquisition a {}",
    ),
    ("transit model", "mô hình chuyển tiếp", "modèle de transit"),
    ("named arterial input", "đường vào động mạch do người chỉ định", "entrée artérielle désignée"),
    (
        "{}; time to peak only: {} ml peak more than {} s late, which is not Tmax",
        "{}; chỉ có thời gian đạt đỉnh: {} ml đạt đỉnh muộn hơn {} s, không phải là Tmax",
        "{} ; temps au pic seulement : {} ml culminent avec plus de {} s de retard, ce qui n'est pas Tmax",
    ),
    (
        "{} did not come, by the scanner's own count",
        "{} không được gửi đến, theo số đếm của máy chụp",
        "{} ne sont pas arrivées, d'après le compte du scanner",
    ),
    (
        "{} images the scanner counted did not come",
        "{} ảnh mà máy chụp đã đếm không được gửi đến",
        "{} images comptées par le scanner ne sont pas arrivées",
    ),
    (
        "the scan was discontinued at the scanner",
        "lần chụp đã bị dừng tại máy chụp",
        "l'acquisition a été interrompue au scanner",
    ),
)
"""One row for each sentence of `triage.quality` and `triage.plausibility`, and the words within them."""
