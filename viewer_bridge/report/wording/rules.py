"""Rules of trials, and reasons for a refusal: English as the core writes them, Vietnamese, French."""

RULES_AND_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        "DAWN group A (80 years or older, NIHSS 10 or more)",
        "DAWN nhóm A (từ 80 tuổi, NIHSS từ 10)",
        "DAWN groupe A (80 ans ou plus, NIHSS 10 ou plus)",
    ),
    (
        "DAWN group B (younger than 80 years, NIHSS 10 or more)",
        "DAWN nhóm B (dưới 80 tuổi, NIHSS từ 10)",
        "DAWN groupe B (moins de 80 ans, NIHSS 10 ou plus)",
    ),
    (
        "DAWN group C (younger than 80 years, NIHSS 20 or more)",
        "DAWN nhóm C (dưới 80 tuổi, NIHSS từ 20)",
        "DAWN groupe C (moins de 80 ans, NIHSS 20 ou plus)",
    ),
    (
        "clinical criteria are not known here",
        "ở đây không biết các tiêu chuẩn lâm sàng",
        "les critères cliniques ne sont pas connus ici",
    ),
    (
        "ASPECTS 3 to 5 qualified whatever the core",
        "ASPECTS 3 đến 5 được nhận bất kể lõi",
        "ASPECTS 3 à 5 suffisait quel que soit le cœur",
    ),
    (
        "no hypoperfused tissue was found",
        "không thấy mô giảm tưới máu",
        "aucun tissu hypoperfusé n'a été trouvé",
    ),
    ("{} is not below {}", "{} không dưới {}", "{} n'est pas inférieur à {}"),
    ("{} is not above {}", "{} không trên {}", "{} n'est pas supérieur à {}"),
    ("{} is below {}", "{} dưới {}", "{} est inférieur à {}"),
    ("{} is above {}", "{} trên {}", "{} est supérieur à {}"),
    ("{} is more than {}", "{} lớn hơn {}", "{} est supérieur à {}"),
    ("{} is less than {}", "{} nhỏ hơn {}", "{} est inférieur à {}"),
    ("{} is {} or more", "{} từ {} trở lên", "{} est de {} ou plus"),
    ("{} is {} or less", "{} từ {} trở xuống", "{} est de {} ou moins"),
    ("core", "lõi", "cœur"),
    ("core {}", "lõi {}", "cœur {}"),
    ("hypoperfused volume", "thể tích giảm tưới máu", "volume hypoperfusé"),
    ("hypoperfused volume {}", "thể tích giảm tưới máu {}", "volume hypoperfusé {}"),
    ("mismatch ratio {}", "tỷ số mismatch {}", "rapport de mismatch {}"),
    ("mismatch {}", "mismatch {}", "mismatch {}"),
    (
        "median flow of the right hemisphere's tissue with Tmax below {} s, {} ml",
        "lưu lượng trung vị của mô bán cầu phải có Tmax dưới {} s, {} ml",
        "débit médian du tissu de l'hémisphère droit avec Tmax inférieur à {} s, {} ml",
    ),
    (
        "median flow of the left hemisphere's tissue with Tmax below {} s, {} ml",
        "lưu lượng trung vị của mô bán cầu trái có Tmax dưới {} s, {} ml",
        "débit médian du tissu de l'hémisphère gauche avec Tmax inférieur à {} s, {} ml",
    ),
    (
        "median flow of both hemispheres' tissue with Tmax below {} s, {} ml",
        "lưu lượng trung vị của mô hai bán cầu có Tmax dưới {} s, {} ml",
        "débit médian du tissu des deux hémisphères avec Tmax inférieur à {} s, {} ml",
    ),
    ("{}; used by DEFUSE 3 ({})", "{}; được DEFUSE 3 dùng ({})", "{} ; utilisé par DEFUSE 3 ({})"),
    ("look at the images", "hãy xem ảnh", "regarder les images"),
    (
        "only {} frames: at least {} are needed",
        "chỉ có {} khung hình: cần ít nhất {}",
        "seulement {} images : il en faut au moins {}",
    ),
    (
        "scan of {} s is too short: at least {} s are needed",
        "lần chụp {} s quá ngắn: cần ít nhất {} s",
        "l'acquisition de {} s est trop courte : il faut au moins {} s",
    ),
    (
        "one frame every {} s is too sparse: at most {} s apart",
        "mỗi {} s một khung hình là quá thưa: cách nhau tối đa {} s",
        "une image toutes les {} s est trop peu : au plus {} s d'écart",
    ),
    (
        "no contrast bolus: the brain enhances by {} HU; check injection and scan timing",
        "không có thuốc cản quang: não chỉ ngấm {} HU; hãy kiểm tra việc tiêm và thời điểm chụp",
        "pas de bolus de contraste : le cerveau se rehausse de {} HU ; vérifier l'injection et le moment de l'acquisition",
    ),
    (
        "the bolus arrives at {} s, as the scan ends: no curve can be timed",
        "thuốc cản quang đến lúc {} s, khi lần chụp kết thúc: không đo được đường cong",
        "le bolus arrive à {} s, à la fin de l'acquisition : aucune courbe n'est mesurable",
    ),
    (
        "the head can be followed in {} of {} frames only: check for motion or blank images",
        "chỉ theo dõi được đầu trong {} trên {} khung hình: hãy kiểm tra cử động hoặc ảnh trống",
        "la tête ne peut être suivie que dans {} images sur {} : vérifier mouvement ou images vides",
    ),
    (
        "only {} ml of brain tissue seen, the rest is fluid, vessels or metal: at least {} ml are needed",
        "chỉ thấy {} ml mô não, còn lại là dịch, mạch máu hoặc kim loại: cần ít nhất {} ml",
        "seulement {} ml de tissu cérébral vus, le reste est liquide, vaisseaux ou métal : il faut au moins {} ml",
    ),
    (
        "no brain found inside a skull: check that the series is a head perfusion scan",
        "không thấy não trong hộp sọ: hãy kiểm tra đây có phải là CT tưới máu đầu không",
        "pas de cerveau trouvé dans un crâne : vérifier que la série est une perfusion de la tête",
    ),
    (
        "no normally perfused tissue to compare with: all of the brain is late",
        "không có mô tưới máu bình thường để so sánh: toàn bộ não đến muộn",
        "pas de tissu normalement perfusé pour comparer : tout le cerveau est en retard",
    ),
    (
        "no arterial input found: no vessel shows a first pass of contrast",
        "không tìm thấy đường vào động mạch: không mạch máu nào có lần đi qua đầu tiên của thuốc",
        "pas d'entrée artérielle : aucun vaisseau ne montre un premier passage de contraste",
    ),
    (
        "a perfusion series has at least two frames; this one has a single image per position",
        "chuỗi tưới máu có ít nhất hai khung hình; chuỗi này chỉ có một ảnh ở mỗi vị trí",
        "une série de perfusion a au moins deux images par position ; celle-ci n'en a qu'une",
    ),
    ("frames are missing: {}", "thiếu khung hình: {}", "des images manquent : {}"),
)
"""One row for each sentence of `triage.criteria` and of the errors with which the core refuses a scan."""
